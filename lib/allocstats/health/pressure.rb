# frozen_string_literal: true

module AllocStats
  class Health
    # The share of time in which some task of the control group waited for memory (PSI), over a window of the kernel's own.
    # It rises before a limit kills, and where a limit is reached without harm it does not.
    class Pressure < Check
      NAME = "memory:pressure"
      TYPE = "system"
      UNIT = "percent"

      def finding
        pressure = facts.cgroup.pressure or return unknown("Not judged: #{facts.cgroup.reasons[:pressure]}.")

        level = [:fail, :warn].find { |each| limits.of(:pressure, each)&.then { |limit| share(pressure, limit) >= limit.ratio * 100 } }
        limit = limits.of(:pressure, level || :warn) || limits.of(:pressure, :fail)
        seconds = limit&.seconds || 60
        value = pressure.dig(:some, Limits::WINDOWS.fetch(seconds))
        found(level || :pass, value, "Some task waited for memory in #{value} % of #{seconds} s (#{pressure[:source]}).")
      end

      private

      def share(pressure, limit) = pressure.dig(:some, Limits::WINDOWS.fetch(limit.seconds))
    end
  end
end
