# frozen_string_literal: true

# Which malloc runs this application, where its memory is, and how to get it back.
#
# Each option below is as it is without this file. A name that is none, or a value that does not fit, is told when the
# application boots.
Rails.application.configure do
  # Where the endpoint answers: the page, and below it .json, /metrics, /health, ... false takes it away.
  # config.allocstats.path = "/allocator"

  # Who may read. In development and test: the user that runs the server, on this machine, where the server listens on
  # loopback addresses alone; and who sends the key that is in the log of each start. Elsewhere nobody, but for the bare
  # status at /allocator/health, until a token or a block opens it. A token has 16 characters at least; it comes as
  # `Authorization: Bearer ...`, or as the password that a browser asks for.
  # config.allocstats.token = ENV["ALLOCSTATS_TOKEN"]
  # config.allocstats.authenticate { |request| request.env["warden"]&.user&.admin? }

  # Who may also purge and tune.
  # config.allocstats.change_token = ENV["ALLOCSTATS_CHANGE_TOKEN"]
  # config.allocstats.authenticate_changes { |request| request.env["warden"]&.user&.admin? }

  # The same as authenticate, called with the bare Rack environment.
  # config.allocstats.allow = ->(env) { env["REMOTE_ADDR"] == "10.0.0.7" }

  # How long one expensive reading serves those who ask.
  # config.allocstats.cache_seconds = 1

  # Seconds from the end of a purge that was asked for over HTTP to the next one; who comes sooner is told when to come again.
  # config.allocstats.purge_interval = 5

  # What /allocator/health expects: the allocator that the deployment is meant to run under.
  # config.allocstats.health = {expect: "jemalloc"}

  # The agent, a thread that keeps the history and what the other workers answer from: nil is on under a server, and off
  # in consoles, tasks and runners. The interval is in seconds.
  # config.allocstats.agent = nil
  # config.allocstats.interval = 10

  # Whether the application's own metrics, by Yabeda or by prometheus-client, have those of /allocator/metrics too.
  # config.allocstats.metrics = true

  # What malloc gave to each action, in its line of the log: "Completed 200 OK in 12ms (... | Malloc: 1.2 MiB)". Under
  # jemalloc alone, which counts it.
  # config.allocstats.log = true

  # From which level on lines are logged while the endpoint is read, by a page left open, a scraper or a probe; false leaves
  # the log as it is. Who was refused, and each change with who asked for it, is logged in any case.
  # config.allocstats.log_level = :warn

  # The same as log of the whole request in the Server-Timing header: nil is as config.server_timing of Rails, on in development.
  # config.allocstats.server_timing = nil
end
