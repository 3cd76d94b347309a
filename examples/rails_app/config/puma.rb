# frozen_string_literal: true

# PORT, WEB_CONCURRENCY (workers; none for a single process) and RAILS_MAX_THREADS choose the shape.
threads_count = Integer(ENV.fetch("RAILS_MAX_THREADS", "5"))
threads threads_count, threads_count
workers Integer(ENV.fetch("WEB_CONCURRENCY", "0"))
preload_app!
bind "tcp://127.0.0.1:#{ENV.fetch("PORT", "3000")}"
environment ENV.fetch("RAILS_ENV", "development")

# The page that the workers share, so that any of them answers for all.
plugin :allocstats
