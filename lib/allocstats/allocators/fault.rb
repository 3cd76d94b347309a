# frozen_string_literal: true

module AllocStats
  module Allocators
    # What is wrong with some versions of an allocator.
    #
    # - `versions` as VersionNumber#meets? takes them
    # - `fault` what happens, and `fixed` where it does no more (nil: nowhere yet)
    # - `source` who says so
    # - `severity` (Symbol) :wrong or :warning
    # - `condition` (Symbol) when a process meets it: :asked_for (it was told all of `asked`, and the first is not off), :keeps
    #   (it keeps much) or :forks_hastily (a thread of it was just beginning when it forked)
    # - `asked` (Array<String>) options
    # - `remedy` a line that mends it
    Fault = Struct.new(:versions, :fault, :fixed, :source, :severity, :condition, :asked, :remedy, keyword_init: true) do
      # @param version [String, nil]
      def of?(version)
        VersionNumber.read(version)&.meets?(versions) || false
      end
    end
  end
end
