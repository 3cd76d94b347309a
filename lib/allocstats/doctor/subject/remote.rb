# frozen_string_literal: true

module AllocStats
  module Doctor
    class Subject
      # A process behind an endpoint: what its JSON says (AllocStats::Rack).
      class Remote < Subject
        # @param source [#call] answers the Hash of report.json, with symbols as keys, each time anew
        # @param address [String] for people
        def initialize(source, address:, **options)
          super(**options)
          @source = source
          @address = address
          @reading = source.call
          raise Unsupported, "#{address} answers something that is no report of allocstats" unless @reading[:allocator].is_a?(Hash) || @reading[:sample].is_a?(Hash)
        end

        def title = ["process", process[:pid], ("(#{Formats.line(process[:command])})" if process[:command]), "at #{@address}"].compact.join(" ")

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
          part(:ownership, :allocator)&.then { |found| {verdict: found[:verdict]&.to_sym, sentence: found[:verdict_sentence], evidence: Array(found[:evidence])} }
        end

        def read_settings
          listed = part(:settings) or return
          listed.fetch(:settings, []).map { |setting| setting.merge(state: setting[:state].to_sym, allocator: setting[:allocator].to_sym) }
        end

        Surroundings::NAMES.each do |fact|
          define_method(:"read_#{fact}") { (@expect && fact == :expected) ? super() : surrounding(fact) }
        end

        # What is nil there has its reason there, or is nothing of the kind.
        def surrounding(fact)
          told = reading[:surroundings] or return unseen(fact, blindness)
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

        def read_history
          points = part(:history)&.fetch(:points, nil)
          (points.nil? || points.empty?) ? unseen(:history, "the endpoint has no history") : {points: points}
        end

        # What is live has Ruby's garbage in it, which nobody can take away from here: between two readings it says nothing.
        def figures
          {rss: reading.dig(:sample, :rss), live: nil, kept: nil}
        end
      end
    end
  end
end
