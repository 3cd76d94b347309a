# frozen_string_literal: true

module AllocStats
  module Rack
    # A Rack application that says what malloc does in the process that serves the request and in its siblings, and, for
    # those who may, has memory given back:
    #
    #   run AllocStats::Rack::Endpoint.new                          # this machine in development, health alone elsewhere
    #   run AllocStats::Rack::Endpoint.new(token: "...")            # who knows the token reads
    #   run AllocStats::Rack::Endpoint.new(authenticate: ->(request) { request.env["warden"].user&.staff? })
    #
    # What can be asked for is in Router, who may ask in Access, what may change something in SameOrigin, docs/endpoint.md
    # has all of it with examples. GET and HEAD never change anything.
    #
    # It never raises into the host: what goes wrong inside is an answer of 500 without details, and one line in the
    # host's rack.errors. Threads may share one endpoint.
    class Endpoint
      # What an answer to a request must not bring down; a signal or an exit is none of this.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      # What a change that is understood and not possible says, and with which status.
      REFUSALS = {InvalidValue => 400, UnknownName => 400, Unsupported => 422, ReadOnly => 422, Refused => 422}.freeze

      # What is Access's, and Readings', is checked there.
      # @raise [InvalidValue, UnknownName] for an option that does not fit
      def initialize(report: nil, cache_seconds: nil, health: nil, **access)
        @access = Access.new(**access)
        @readings = Readings.new(**{report: report, cache_seconds: cache_seconds, health: health}.compact)
      rescue ArgumentError => error
        raise InvalidValue, "the endpoint takes no such option: #{error.message}"
      end

      def call(env)
        answer(env).to_rack(env["REQUEST_METHOD"])
      end

      # Without what opens it.
      def inspect = "#<#{self.class}>"

      private

      # Who may not ask learns nothing else, not even which paths there are.
      def answer(env)
        resource = Router.find(env["PATH_INFO"])
        refused = refuse(env, resource)
        return refused if refused
        return Answer.refusal(404, "not found") unless resource
        return Answer.refusal(405, "method not allowed", "allow" => resource.methods.join(", ")) unless resource.answers?(env["REQUEST_METHOD"])

        return Answer.refusal(501, Stub::MESSAGE) unless AllocStats.supported? || resource.name == :live

        send(resource.name, env)
      rescue *FAILURES => error
        tell(env, "no answer could be given", error)
        Answer.refusal(500, "internal error")
      end

      # A change is one only by its own method; by any other it is a wrong question, which readers may ask.
      def refuse(env, resource)
        return if resource&.leave == :none
        return @access.reads?(env) ? nil : @access.refusal unless resource&.leave == :change && resource.answers?(env["REQUEST_METHOD"])

        @access.changes?(env) ? nil : @access.refusal(known: @access.reads?(env))
      end

      def overview(env)
        html = prefers_page?(env)
        (html ? page(env) : json(env)).tap { |answer| answer.headers["vary"] = "accept" }
      end

      def json(_env) = Answer.new(200, Answer::JSON, @readings.overview.json)

      def text(_env) = Answer.new(200, "text/plain; charset=utf-8", @readings.overview.text)

      def prefers_page?(env)
        accept = Formats::Accept.new(env["HTTP_ACCEPT"])
        accept.quality("text/html") > accept.quality("application/json")
      end

      def page(env, outcome = nil)
        change = quietly(env) { @access.changes?(env) }
        page = Page.new(@readings.overview.to_h, base: env["SCRIPT_NAME"].to_s, change: change, outcome: outcome)
        Answer.new(200, Page::TYPE, page.to_s, Page::HEADERS.dup)
      end

      def asset(env)
        Answer.new(200, *Page.asset(env["PATH_INFO"].delete_prefix("/")))
      end

      def metrics(env)
        format = Formats::Prometheus.negotiate(env["HTTP_ACCEPT"])
        Answer.new(200, Formats::Prometheus.content_type(format), @readings.metrics(format), "vary" => "accept")
      end

      [:history, :workers, :settings].each do |name|
        define_method(name) { |_env| Answer.new(200, Answer::JSON, @readings.part(name)) }
      end

      def census(_env)
        Answer.new(200, Answer::JSON, @readings.census)
      rescue Unsupported => error
        Answer.refusal(404, error.message)
      end

      # The bare status for all, the checks for those who may read. Kubernetes and load balancers look at the code alone.
      def health(env)
        health = @readings.health
        known = quietly(env) { @access.reads?(env) }
        Answer.new(health.code, Health::TYPE, Formats::Json.generate(known ? health : health.bare))
      end

      # Whether this process answers at all: by answering.
      def live(_env) = Answer.new(200, Health::TYPE, Formats::Json.generate(Health::LIVE))

      def purge(env)
        change(env) do |body|
          purge = Change.purge(body)
          @readings.forget
          prefers_page?(env) ? page(env, purge.to_h) : Answer.json(purge)
        end
      end

      def tune(env)
        change(env) do |body|
          Answer.json(Change.tune(body)).tap { @readings.forget }
        end
      end

      def change(env)
        body = Body.new(env)
        return Answer.refusal(403, SameOrigin::REASON) unless SameOrigin.call(env, form: body.form?)

        yield body.to_h
      rescue Body::Refused => refused
        Answer.refusal(refused.status, refused.message)
      rescue *REFUSALS.keys => error
        Answer.refusal(REFUSALS.find { |kind, _| kind === error }.last, error.message)
      end

      # What a rule says where everyone gets an answer in some form: one that fails, or sends the client to sign in (as
      # Warden does, by throwing), is a no.
      def quietly(env)
        catch(:warden) { return yield }
        false
      rescue *FAILURES => error
        tell(env, "who may do what could not be found out", error)
        false
      end

      def tell(env, what, error)
        env["rack.errors"]&.puts("allocstats: #{what}: #{error.class}: #{error.message[/.*/]}")
      rescue *FAILURES
        # A host that cannot log still gets its answer.
      end
    end
  end
end
