# frozen_string_literal: true

module AllocStats
  module Doctor
    # Everything that the doctor looks for, one class a file in findings/. A new one is a file, and a name here.
    module Findings
      # By weight, for those that cost the same.
      LIST = %i[
        PreloadNotLoaded StaticTls PreloadLost AllocatorNotAsAsked MixedAllocators BackgroundThreadsDead LimitNear KnownFault
        Leak Retention TooManyArenas MemoryKept RubyHeapFragmented HugePages Swap Overcommit OutOfMemoryKills LimitUnseen
        Peak UnknownAllocator UnusedAllocator SettingsWithoutEffect PreloadScrubbed
      ].freeze

      # What the class of this name finds, and its file: "MemoryKept" is :memory_kept.
      # @param constant [Symbol, String]
      # @return [Symbol]
      def self.name_of(constant) = constant.to_s.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase.to_sym

      LIST.each { |constant| autoload constant, "allocstats/doctor/findings/#{name_of(constant)}" }

      module_function

      # @return [Array<Class>]
      def all
        LIST.map { |constant| const_get(constant) }
      end

      # @return [Array<Symbol>]
      def names
        all.map(&:finding_name)
      end
    end
  end
end
