# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    # The threads by which jemalloc gives memory back while nobody calls it.
    module BackgroundThreads
      module_function

      def name = "jemalloc_bg_thd"

      def option = "background_thread"

      def wanted? = Mallctl.read("opt.background_thread")

      # @param variables [Hash{String => String}]
      def asked?(variables)
        variables[Environment::VARIABLE].to_s.scan(/(?:\A|,)background_thread:(\w+)/).flatten.last == "true"
      end

      def remedy = %(AllocStats.mallctl("background_thread", true)   # in each forked child; `require "allocstats"` before the fork does it)
    end
  end
end
