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
    # host's rack.errors. Threads may share one endpoint: what is slow is done by one of them at a time, and the others wait
    # for it by a clock (SharedValue, Brake), so that a server always has a thread for the probes.
    class Endpoint
      # What an answer to a request must not bring down; a signal or an exit is none of this.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      # What a change that is understood and not possible says, and with which status.
      REFUSALS = {InvalidValue => 400, UnknownName => 400, Unsupported => 422, ReadOnly => 422, Refused => 422}.freeze

      # What is Access's, and ResponseCache's, is checked there.
      # What let a request in, in its own environment.
      LET_IN_BY = "allocstats.let_in_by"

      # So long after a purge the next one may be asked for, in seconds.
      PURGE_INTERVAL = 5

      # What is not said here is what is configured, for all that serve it in this process.
      def self.new(**options) = super(**Configuration.current.endpoint_options, **options)

      # purge_interval:: seconds from the end of a purge that was asked for here to the beginning of the next one
      # announce::       whether the key of this start, where it opens the endpoint, is told in the log now
      # @raise [InvalidValue, UnknownName] for an option that does not fit
      def initialize(snapshot: nil, cache_seconds: nil, health: nil, purge_interval: PURGE_INTERVAL, announce: true, **access)
        raise InvalidValue, "purge_interval is a number from 0 to 3600, not #{purge_interval.inspect[0, 80]}" unless seconds?(purge_interval)

        @access = Access.new(**access)
        @brakes = {purge: Brake.new(seconds: purge_interval), tune: Brake.new(seconds: 0)}
        StartKey.announce if announce && @access.key? && AllocStats.supported?
        @cache = ResponseCache.new(**{snapshot: snapshot, cache_seconds: cache_seconds, health: health}.compact)
      rescue ArgumentError => error
        raise InvalidValue, "the endpoint takes no such option: #{error.message}"
      end

      def call(env)
        answer(env).to_rack(env["REQUEST_METHOD"])
      end

      # Whether only the key of this start opens it: to everybody, or to everybody but this machine.
      def key? = @access.key?

      # Without what opens it.
      def inspect = "#<#{self.class}>"

      private

      def seconds?(value) = value.is_a?(Numeric) && value.real? && (0..3600).cover?(value)

      # Who may not ask learns nothing else, not even which paths there are.
      def answer(env)
        resource = Router.find(env["PATH_INFO"])
        by = let_in_by(env, resource) or return refused(env, resource)
        return Answer.refusal(404, "not found") unless resource
        return Answer.refusal(405, "method not allowed", {"allow" => resource.methods.join(", ")}) unless resource.answers?(env["REQUEST_METHOD"])

        return Answer.refusal(501, Stub::MESSAGE) unless AllocStats.supported? || resource.name == :live

        send(resource.name, env.merge(LET_IN_BY => by))
      rescue SharedValue::Busy => busy
        later(env, 503, 1, busy.message)
      rescue *FAILURES => error
        Log.failure(env, "no answer could be given", error)
        Answer.refusal(500, "internal error")
      end

      # What lets a request in, in words; nil where nothing does.
      def let_in_by(env, resource)
        return "nothing" if resource&.permission == :none
        change?(env, resource) ? @access.changer(env) : @access.reader(env)
      end

      # A change is one only by its own method; by any other it is a wrong question, which readers may ask.
      def change?(env, resource) = resource&.permission == :change && resource.answers?(env["REQUEST_METHOD"])

      # The log has the reason and the setting that would open; so has the answer where the environment is known for one
      # of development.
      def refused(env, resource)
        refusal = @access.refusal(env, reader: change?(env, resource) && @access.reader(env))
        Log.refusal(env, "#{Log.request(env)} of #{Log.peer(env)} was refused (#{refusal.status}): #{refusal.reason}. #{refusal.setting}")
        told = @access.local? ? {reason: refusal.reason, setting: refusal.setting} : {}
        Answer.refusal(refusal.status, refusal.word, (refusal.status == 401) ? {"www-authenticate" => Credentials::CHALLENGE} : {}, told: told)
      end

      # For a client that may come again: as JSON, or as a line of text for who would rather have that.
      def later(env, status, seconds, sentence)
        headers = {"retry-after" => seconds.to_s, "vary" => "accept"}
        accept = Formats::Accept.new(env["HTTP_ACCEPT"])
        return Answer.refusal(status, sentence, headers, told: {retry_after: seconds}) unless accept.prefers?(["text/plain", "text/html"], "application/json")

        Answer.new(status, Answer::TEXT, "#{Formats.line(sentence)}\n", headers)
      end

      def status(env)
        html = prefers_page?(env)
        (html ? page(env) : json(env)).tap { |answer| answer.headers["vary"] = "accept" }
      end

      def json(_env) = Answer.new(200, Answer::JSON, @cache.json)

      def text(_env) = Answer.new(200, Answer::TEXT, @cache.document.text)

      def doctor(_env) = Answer.new(200, Answer::JSON, Formats::Json.generate(@cache.diagnosis))

      def doctor_text(_env) = Answer.new(200, Answer::TEXT, @cache.diagnosis.text)

      def prefers_page?(env) = Formats::Accept.new(env["HTTP_ACCEPT"]).prefers?(["text/html"], "application/json")

      def page(env, outcome = nil)
        change = quietly(env) { @access.changer(env) }
        chosen = env["QUERY_STRING"].to_s[/(?:\A|&)worker=(\d{1,4})(?:&|\z)/, 1]&.to_i
        page = Page.new(@cache.shown, base: env["SCRIPT_NAME"].to_s, change: change, outcome: outcome, chosen: chosen, peer: chosen && @cache.peer(chosen))
        Answer.new(200, Page::TYPE, page.to_s, Page::HEADERS.dup)
      end

      def asset(env)
        Answer.new(200, *Page.asset(env["PATH_INFO"].delete_prefix("/")))
      end

      def metrics(env)
        format = Formats::Prometheus.negotiate(env["HTTP_ACCEPT"])
        Answer.new(200, Formats::Prometheus.content_type(format), @cache.metrics(format), "vary" => "accept")
      end

      [:history, :workers, :settings].each do |name|
        define_method(name) { |_env| Answer.new(200, Answer::JSON, @cache.part(name)) }
      end

      def census(_env)
        Answer.new(200, Answer::JSON, @cache.census)
      rescue Unsupported => error
        Answer.refusal(404, error.message)
      end

      # The bare status for all, the checks for those who may read. Kubernetes and load balancers look at the code alone.
      def health(env)
        health = @cache.health
        known = quietly(env) { @access.reader(env) }
        Answer.new(health.code, Health::TYPE, Formats::Json.generate(known ? health : health.bare))
      end

      # Whether this process answers at all: by answering.
      def live(_env) = Answer.new(200, Health::TYPE, Formats::Json.generate(Health::LIVE))

      def purge(env)
        change(env, :purge) { |purge| prefers_page?(env) ? page(env, purge.to_h) : Answer.json(purge) }
      end

      def tune(env) = change(env, :tune) { |tuning| Answer.json(tuning) }

      # Every change has a line in the log, whatever came of it: who, what, and what came of it.
      def change(env, name)
        body = Body.new(env)
        return Answer.refusal(403, SameOrigin::REASON) unless SameOrigin.call(env, form: body.form?)

        question = Change.question(name, body.to_h)
        answer, shared = @brakes.fetch(name).run(question, waiting: Brake.waiting(env)) { question.answer.tap { @cache.forget } }
        audit(env, question, "#{Change.told(answer)}#{" (shared with who had asked before)" if shared}")
        yield answer
      rescue Brake::Later => later
        audit(env, question, "refused: #{later.message}")
        later(env, 429, later.seconds, later.message)
      rescue Body::Refused => refused
        Answer.refusal(refused.status, refused.message)
      rescue *REFUSALS.keys => error
        audit(env, question || name, "refused: #{Log.short(error.message)}")
        Answer.refusal(REFUSALS.find { |kind, _| kind === error }.last, error.message)
      end

      def audit(env, question, outcome)
        who = [Log.peer(env), "by #{env[LET_IN_BY]}", Credentials.user(env)&.then { |name| "as #{Log.short(name)}" }]
        Log.audit(env, "#{question}, asked for by #{who.compact.join(" ")}: #{outcome}")
      end

      # What a rule says where everyone gets an answer in some form: one that fails, or sends the client to sign in (as
      # Warden does, by throwing), is a no.
      def quietly(env)
        catch(:warden) { return yield }
        false
      rescue *FAILURES => error
        Log.failure(env, "who may do what could not be found out", error)
        false
      end
    end
  end
end
