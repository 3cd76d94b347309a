# frozen_string_literal: true

require "allocstats"

module AllocStats
  # For Sidekiq's server (6.5 and later), which is nothing of a web server:
  #
  #   require "allocstats/sidekiq"
  #   Sidekiq.configure_server { |config| AllocStats::Sidekiq.install(config) }
  module Sidekiq
    # Adds the middleware, and has the agent run as long as the server does.
    # @param config [Sidekiq::Config] what configure_server hands over
    def self.install(config)
      config.server_middleware { |chain| chain.add(ServerMiddleware) }
      config.on(:startup) { AllocStats.start unless AllocStats.configuration.agent == false }
      config.on(:shutdown) { AllocStats.stop }
    end

    # What happens around each job, in its thread: afterwards nothing of it is under way there, so what a purge has asked of
    # this thread is done (AllocStats.safe_point). Where the allocator counts by thread (jemalloc does), the job's last
    # line in the log has the bytes that malloc gave to it, as malloc_bytes.
    class ServerMiddleware
      NAME = :malloc_bytes

      # @param _job, _queue what Sidekiq calls it with
      def call(_instance, _job, _queue)
        before = AllocStats.thread_bytes
        yield
      ensure
        ::Sidekiq::Context.add(NAME, AllocStats.thread_bytes.first - before.first) if before
        AllocStats.safe_point
      end
    end
  end
end
