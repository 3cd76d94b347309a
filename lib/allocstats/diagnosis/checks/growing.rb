# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The resident set grows, and what is live in malloc with it, or no layer alone: the program holds more, for how long
      # no trend can tell. A cache that fills looks the same.
      class Growing < Grows
        needs :growth
        probed :growth, "memory:growth", type: "system", unit: "bytes/h", windowed: true

        def reached?(limit) = grows?(limit)

        def value = growth.rate.round

        def sentence = "pid #{target.growing_pid} grows by #{bytes(value)} an hour"

        # The same as for the other verdicts: any of them is growth.
        def level = super

        private

        def summary
          case growth.layer
          when :live then "What is live in malloc grows by #{pace(:live)}: the program holds more and more, or fills a cache."
          when :malloc then "malloc's memory grows by #{pace(:malloc)}; how much of it is live cannot be told here."
          else "The resident set grows by #{pace}; #{growth.known?(:other) ? "no layer alone explains it" : "whether the program or the allocator holds it cannot be told here"}."
          end
        end

        def remedy = (growth.layer == :live) ? CLASSES : "AllocStats.doctor(wait: 60, purge: true)   # tells what a purge gives back from what is held"
      end
    end
  end
end
