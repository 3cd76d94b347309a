# frozen_string_literal: true

module AllocStats
  class Settings
    # What the readers of the allocators' settings share. Each answers `settings`, a list of Setting.
    class Source
      LONGEST = 200

      # Whatever bytes were given, as text.
      def self.text(bytes)
        bytes.to_s.b.force_encoding(Encoding::UTF_8).scrub
      end

      # @param variables [Hash] name => text
      def initialize(variables)
        @variables = variables
      end

      def running?
        Allocator.bound_name == allocator
      end

      private

      # An allocator that runs with more rights than its user's is not steered by the environment.
      def steered?
        running? && !Allocator.secure_execution?
      end

      def setting(name, source, asked, state, reason = nil, in_force: nil)
        Setting.new(name: name, source: source, allocator: allocator, asked: asked[0, LONGEST], in_force: in_force, state: state, reason: reason)
      end

      def no_effect(name, source, asked)
        reason = running? ? "the process gained rights when it was started, so #{source} is not read" : "it is #{allocator}'s, and #{OwnLanguage.title} runs this process"
        setting(name, source, asked, :no_effect, reason)
      end

      # @param kind what `lookup` was looked up as, among the names `known`
      def unknown(name, source, asked, kind, known, lookup = name)
        setting(name, source, asked, :unknown_key, UnknownName.among(kind, lookup, known).message)
      end
    end
  end
end
