# frozen_string_literal: true

module AllocStats
  module Rack
    # What the application's own block is asked with: the framework's request where there is a framework, so that
    # sessions, cookies and HTTP authentication are what the application knows them as; this small one where there is not.
    class Request
      # An ActionDispatch::Request, a Rack::Request or one of these.
      def self.of(env)
        return ::ActionDispatch::Request.new(env) if defined?(::ActionDispatch::Request)
        return ::Rack::Request.new(env) if defined?(::Rack::Request)

        new(env)
      end

      attr_reader :env

      def initialize(env)
        @env = env
      end

      def get_header(name) = env[name]

      def request_method = env["REQUEST_METHOD"]

      def path_info = env["PATH_INFO"].to_s

      def script_name = env["SCRIPT_NAME"].to_s

      def path = "#{script_name}#{path_info}"

      def query_string = env["QUERY_STRING"].to_s

      # The peer's address; behind a proxy, the proxy's.
      def ip = env["REMOTE_ADDR"]

      def host = env["HTTP_HOST"]

      # The Authorization header, or nil.
      def authorization = env["HTTP_AUTHORIZATION"]
    end
  end
end
