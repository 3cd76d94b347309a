# frozen_string_literal: true

module AllocStats
  module Rails
    # In front of the application's own log: while the endpoint's page, a scraper or a probe reads, only what is of a level or
    # above it is logged, so that a page left open does not fill the log. What changes something is logged as ever, and so
    # are the endpoint's own lines, of who was refused and of what was changed.
    class Quiet
      METHODS = ["GET", "HEAD"].freeze

      # path::  at which the endpoint is mounted
      # level:: the name of a level of ::Logger
      def initialize(app, path:, level:)
        @app = app
        @ours = %r{\A#{Regexp.escape(path)}(?:\.json)?(?:/|\z)}
        @level = ::Logger.const_get(level.upcase)
      end

      def call(env)
        logger = ::Rails.logger
        return @app.call(env) unless METHODS.include?(env["REQUEST_METHOD"]) && @ours.match?(env["PATH_INFO"].to_s) && logger.respond_to?(:silence)

        logger.silence(@level) { @app.call(env) }
      end
    end
  end
end
