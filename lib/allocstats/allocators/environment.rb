# frozen_string_literal: true

module AllocStats
  module Allocators
    # What was asked of one allocator when the process started, by variables and by files, held against what is in force.
    # Each allocator's own Environment answers `settings`, a list of Setting.
    class Environment
      LONGEST = 200

      # The states of what a line can mend.
      MENDABLE = %i[adjusted malformed other_version unknown_key].freeze

      # What a shell takes as it is.
      PLAIN = %r{\A[\w.,:=+/@-]*\z}
      QUOTES = %("')

      # Whatever bytes were given, as text.
      def self.text(bytes)
        bytes.to_s.b.force_encoding(Encoding::UTF_8).scrub
      end

      # @param variables [Hash] name => text
      def initialize(variables)
        @variables = variables
      end

      # [Symbol] of Allocators::LIST
      def allocator = raise(NotImplementedError)

      def settings = raise(NotImplementedError)

      def running?
        Allocators.bound_name == allocator
      end

      private

      # An allocator that runs with more rights than its user's is not steered by the environment.
      def steered?
        running? && !Allocators.secure_execution?
      end

      def setting(name, source, asked, state, reason = nil, in_force: nil)
        Setting.new(name: name, source: source, allocator: allocator, asked: asked[0, LONGEST], in_force: in_force, state: state, reason: reason)
      end

      # Each that can be mended with the line that does it: what `correction(setting)` answers, [variable, text] or nil.
      def with_corrections(settings)
        settings.each do |setting|
          variable, text = correction(setting) if MENDABLE.include?(setting.state)
          setting.corrected = "#{variable}=#{quoted(text)}" if text
        end
      end

      def quoted(text)
        text.match?(PLAIN) ? text : "'#{text.gsub("'", %q('"'"'))}'"
      end

      # The text without the quotes and blanks that a file or a shell has left around it.
      def bare(text) = text.delete(QUOTES).strip

      def no_effect(name, source, asked)
        reason = running? ? "the process gained rights when it was started, so #{source} is not read" : "it is #{allocator}'s, and #{Allocators.title} runs this process"
        setting(name, source, asked, :no_effect, reason)
      end

      # @param kind what `lookup` was looked up as, among the names `known`
      def unknown(name, source, asked, kind, known, lookup = name)
        setting(name, source, asked, :unknown_key, UnknownName.among(kind, lookup, known).message)
      end
    end
  end
end
