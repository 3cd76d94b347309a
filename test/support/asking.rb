# frozen_string_literal: true

require "rack"
require "rack/lint"
require "rack/mock"
require "support/local_connection"

# For tests that ask an endpoint in this process, as a client on this machine unless said; Rack::Lint looks at each
# request and each answer.
module Asking
  extend LocalConnection

  LOCAL = {"REMOTE_ADDR" => "127.0.0.1", "HTTP_HOST" => "localhost:3000", "puma.socket" => local_connection}.freeze
  ELSEWHERE = {REMOTE_ADDR: "203.0.113.5", HTTP_HOST: "shop.example"}.freeze
  VARIABLES = ["ALLOCSTATS_TOKEN", "ALLOCSTATS_CHANGE_TOKEN", "APP_ENV", "RAILS_ENV", "RACK_ENV"].freeze

  # Open to this machine, and as often as one likes, unless the options say otherwise.
  def endpoint(environment: "development", purge_interval: 0, **options)
    AllocStats::Rack::Endpoint.new(environment: environment, purge_interval: purge_interval, announce: false, **options)
  end

  # body:: sent as `type`; a nil among the variables takes one away
  def ask(path = "/", method: "GET", endpoint: self.endpoint, errors: nil, body: nil, type: nil, **env)
    stack = Rack::MockRequest.new(Rack::Lint.new(endpoint))
    options = {"rack.errors" => errors, :input => body, "CONTENT_TYPE" => type}.compact
    stack.request(method, path, LOCAL.merge(env.transform_keys(&:to_s)).compact.merge(options))
  end

  def env_for(path) = Rack::MockRequest.env_for(path, LOCAL.dup)

  # The block runs with these variables in the environment; nil takes one away.
  def with_env(variables)
    before = ENV.to_h.slice(*variables.keys)
    ENV.update(variables)
    yield
  ensure
    ENV.update(variables.transform_values { nil }.merge(before))
  end

  # A path's answer as [status, error].
  def refusal(...)
    answer = ask(...)
    [answer.status, JSON.parse(answer.body)["error"]]
  end
end
