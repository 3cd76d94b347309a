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

      LIST.each { |constant| autoload constant, "allocstats/doctor/findings/#{constant.name.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase}" }

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
