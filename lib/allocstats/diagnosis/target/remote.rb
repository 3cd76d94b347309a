# frozen_string_literal: true

module AllocStats
  class Diagnosis
    class Target
      # A process behind an endpoint: what its JSON says (AllocStats::Rack).
      class Remote < Target
        # @param source [#call] answers the Hash of report.json, with symbols as keys, each time anew
        # @param address [String] for people
        def initialize(source, address:, **options)
          super(**options)
          @source = source
          @address = address
          @reading = source.call
          raise Unsupported, "#{address} answers something that is no report of allocstats" unless report?
        end

        # Whether it is one, so far as it can be told: who is asked may answer anything.
        def report?
          allocator, sample = @reading.values_at(:allocator, :sample)
          allocator.is_a?(Hash) ? allocator[:name].is_a?(String) : sample.is_a?(Hash)
        end
        private :report?

        def title = ["process", process[:pid], ("(#{Formats.line(process[:command])})" if process[:command]), "at #{@address}"].compact.join(" ")

        def pid = process[:pid]

        def blindness = "the endpoint does not tell it"

        private

        def renew
          @reading = nil
        end

        def reading = @reading ||= @source.call

        def process = reading[:process] || {}

        # A part of the report; where it is nil, the report says why.
        def part(fact, name = fact)
          value = reading[name]
          value.nil? ? unseen(fact, reading.dig(:absent, name) || blindness) : value
        end

        def read_allocator
          part(:allocator)&.then { |found| {name: found[:name]&.to_sym, version: found[:version], title: [found[:name], found[:version]].compact.join(" "), evidence: Array(found[:evidence])} }
        end

        def read_ownership
          part(:ownership, :allocator)&.then { |found| {verdict: found[:verdict]&.to_sym, sentence: found[:verdict_sentence], evidence: Array(found[:evidence]), functions: found[:functions]} }
        end

        def read_settings
          listed = part(:settings) or return
          listed.fetch(:settings, []).map { |setting| setting.merge(state: setting[:state].to_sym, allocator: setting[:allocator].to_sym) }
        end

        HostFacts::NAMES.each do |fact|
          define_method(:"read_#{fact}") { (limits.expect && fact == :expected) ? super() : surrounding(fact) }
        end

        # What is nil there has its reason there, or is nothing of the kind.
        def surrounding(fact)
          told = reading[:host_facts] or return unseen(fact, blindness)
          told[fact].nil? ? void(fact, told.dig(:reasons, fact) || blindness) : named(fact, told[fact])
        end

        # Names of our own are Symbols on this side.
        def named(fact, value)
          case fact
          when :expected then value.merge(names: value[:names].map(&:to_sym))
          when :preloads then value.map { |request| request.merge(source: request[:source].to_sym) }
          when :threads then value.transform_keys(&:to_s)
          else value
          end
        end

        def read_sample = part(:sample)

        def read_memory = part(:memory)

        def read_ledger = part(:ledger)

        def read_workers
          part(:workers)&.fetch(:workers, [])&.map { |worker| worker.slice(:index, :pid, :alive, :stale, :age) }
        end

        def read_history
          points = part(:history)&.fetch(:points, nil)
          (points.nil? || points.empty?) ? unseen(:history, "the endpoint has no history") : {points: points}
        end

        # What is live has Ruby's garbage in it, which nobody can take away from here: between two readings it says nothing.
        def figures
          {rss: reading.dig(:sample, :rss)}
        end
      end
    end
  end
end
