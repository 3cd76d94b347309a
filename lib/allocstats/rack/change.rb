# frozen_string_literal: true

module AllocStats
  module Rack
    # What can be changed over HTTP: the Hash of a Body becomes a question, and a question an answer, of this worker, of
    # another one or of all.
    module Change
      # A name that is given but not among those that are known is a mistake, and not for us to guess around.
      KNOWN = {purge: ["workers", "worker", "gc", "compact"], tune: ["workers", "profile", "options"]}.freeze

      # What JSON and forms write for yes and no; a box that is not ticked is not sent at all.
      YES = [true, "true", "1", "on"].freeze
      NO = [false, "false", "0", "off", "", nil].freeze

      # So long the other workers are waited for, in seconds: less than a server's patience with a thread of its own.
      TIMEOUT = 5

      # What is asked for: the same for two requests that may share an answer.
      # - `change` :purge or :tune
      # - `workers` "all", "this" or the index of a worker
      # - `profile` and `options`, as the facade takes them
      Question = Struct.new(:change, :workers, :profile, :options, keyword_init: true) do
        # @return [AllocStats::Purge, Workers::Purge, Tuning, Workers::Tuning]
        # @raise [UnknownName, InvalidValue, Unsupported, Refused]
        def answer = Change.public_send(change, self)

        # "purge of all workers, gc"
        def to_s
          whom = {"all" => "all workers", "this" => "this worker"}.fetch(workers) { "worker #{workers}" }
          what = options.filter_map { |name, value| (value == true) ? name : ("#{name}=#{value}" if value) }
          Formats.line(["#{change} of #{whom}", profile, *what].compact.join(", "))[0, 200]
        end
      end

      module_function

      # @raise [UnknownName, InvalidValue]
      def question(change, body)
        check(body, change)
        return Question.new(change: change, workers: whom(body), options: {gc: truth(body, "gc"), compact: truth(body, "compact")}) if change == :purge

        profile = body["profile"]
        Question.new(change: change, workers: all?(body) ? "all" : "this", profile: (profile unless profile == ""), options: options_of(body))
      end

      def purge(question)
        return AllocStats.purge(**question.options) if question.workers == "this"
        return AllocStats.workers.purge(timeout: TIMEOUT, **question.options) if question.workers == "all"
        AllocStats.workers.purge(only: question.workers, timeout: TIMEOUT, **question.options)
      end

      def tune(question)
        (question.workers == "all") ? AllocStats.workers.tune(question.profile, timeout: TIMEOUT, **question.options) : AllocStats.tune(question.profile, **question.options)
      end

      # An answer as a log has it: "released 12.3 MiB in 45 ms", or each worker's outcome.
      def told(answer)
        told = answer.to_h
        return told[:answers].map { |one| "worker #{one[:index]} #{outcome(one)}" }.join(", ") if told[:answers]
        told[:outcome] ? outcome(told) : Formats.listed(told[:now].map { |name, value| "#{name}=#{value}" })
      end

      def outcome(one)
        what = (one[:outcome].to_s == "released") ? "released #{Formats::Units.inline_bytes(one[:released])}" : Formats.words(one[:outcome])
        [what, one[:seconds] && "in #{(one[:seconds] * 1000).round} ms", one[:reason] && "(#{Log.short(one[:reason])})"].compact.join(" ")
      end

      def check(body, change)
        known = KNOWN.fetch(change)
        unknown = body.keys.find { |name| !known.include?(name) } or return
        raise UnknownName.among("part of a #{change}", unknown, known)
      end

      # One worker by its index, where one is named; a form that names none sends an empty one.
      def whom(body)
        index = body["worker"].then { |given| given.is_a?(String) ? given[/\A\d{1,4}\z/]&.to_i || given : given }
        return all?(body) ? "all" : "this" if index.nil? || index == ""
        raise InvalidValue, "worker is the index of one, and not #{index.inspect[0, 80]}" unless index.is_a?(Integer) && index >= 0
        raise InvalidValue, "either workers or worker says who is to purge, not both" if body.key?("workers")

        worker = AllocStats.workers.find { |each| each.index == index }
        raise UnknownName.among("worker", index, AllocStats.workers.map(&:index)) unless worker
        worker.self? ? "this" : index
      end

      def all?(body)
        workers = body.fetch("workers", "this")
        return workers == "all" if ["this", "all"].include?(workers)
        raise InvalidValue, "workers is this or all, not #{workers.inspect[0, 80]}"
      end

      def truth(body, name)
        value = body[name]
        return YES.include?(value) if YES.include?(value) || NO.include?(value)
        raise InvalidValue, "#{name} is true or false, not #{value.inspect[0, 80]}"
      end

      # Values from a form are texts, which no option takes for a number.
      def options_of(body)
        options = body.fetch("options", {})
        raise InvalidValue, "options must be names with their values" unless options.is_a?(Hash)
        options.transform_values { |value| value.is_a?(String) ? written(value) : value }
      end

      def written(text)
        case text
        when /\A-?\d{1,20}\z/ then text.to_i
        when /\A-?\d{1,10}\.\d{1,10}\z/ then text.to_f
        when "true" then true
        when "false" then false
        else text
        end
      end

      private_class_method :outcome, :check, :whom, :all?, :truth, :options_of, :written
    end
  end
end
