# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # Everything that is looked for, one class a file in checks/. A new one is a file, and a name here.
    module Checks
      # By weight, for those that cost the same.
      LIST = %i[
        PreloadNotLoaded StaticTls PreloadLost AllocatorNotAsAsked MixedAllocators BackgroundThreadsDead LimitNear ResidentNearLimit
        MemoryPressure WorkersSilent KnownFault Retention RubyObjects Files Stacks Mappings Growing TooManyArenas MemoryKept RubyHeapEmptied RubyHeapFragmented HugePages Swap Overcommit OutOfMemoryKills LimitUnseen
        Peak UnknownAllocator UnusedAllocator SettingsWithoutEffect PreloadScrubbed
      ].freeze

      # What the class of this name finds, and its file: "MemoryKept" is :memory_kept.
      # @param constant [Symbol, String]
      # @return [Symbol]
      def self.name_of(constant) = constant.to_s.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase.to_sym

      LIST.each { |constant| autoload constant, "allocstats/diagnosis/checks/#{name_of(constant)}" }

      module_function

      # @return [Array<Class>]
      def all
        LIST.map { |constant| const_get(constant) }
      end

      # What people call those of these names: all of growth in one word.
      # @param names [Array<Symbol>]
      # @return [Array<String>]
      def titles(names)
        growth = Growth::VERDICTS & names
        names.map { |name| growth.include?(name) ? "growth" : name.name.tr("_", " ") }.uniq
      end

      # @return [Array<Symbol>]
      def names
        all.map(&:finding_name)
      end
    end
  end
end
