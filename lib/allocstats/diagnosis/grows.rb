# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # What the checks of growth share: one for each verdict that names a cause, of which one speaks at most, and one for
    # the growth whose cause is not proven.
    class Grows < Check
      # What holds the memory, by class, as Ruby counts it: pasted into a console, twice within ten seconds.
      CLASSES = 'require "objspace"; size = -> { GC.start; ObjectSpace.each_object(Object).each_with_object(Hash.new(0)) { |each, sum| sum[each.class] += ObjectSpace.memsize_of(each) } }; ' \
        "before = size.call; sleep 10; pp size.call.to_h { |kind, bytes| [kind, bytes - before[kind]] }.max_by(10, &:last)"

      class << self
        # The verdict that it speaks for is its name.
        def inherited(check)
          super
          check.needs :growth
        end
      end

      def finding
        return unless growth.verdict == self.class.finding_name && level
        found(summary, severity: SEVERITIES.fetch(level), cost: growth.cost, evidence: [*growth.evidence, *more], remedy: remedy)
      end

      private

      def level = target.limits.reached(:growth) { |limit| grows?(limit) }&.first || (growth.is_a?(Growth::Interval) ? :warn : nil)

      def grows?(limit) = target.growth_over(limit)&.grows?(limit)

      # "60.0 MiB an hour", or between two readings "35.2 MiB in 60 s"
      def pace(layer = :rss)
        return "#{bytes(growth.bytes(layer))} in #{growth.seconds} s" if growth.is_a?(Growth::Interval)
        "#{bytes(((layer == :rss) ? growth.rate : growth.per_hour(layer)).round)} an hour"
      end

      def more = []

      # What a shell shows of the mappings, the largest last.
      def mappings(key)
        "awk '/^[0-9a-f]+-[0-9a-f]+ / { name = #{key} } /^Rss:/ { sum[name] += $2 } END { for (name in sum) print sum[name], name }' /proc/#{target.pid || "PID"}/smaps | sort -n | tail   # KiB"
      end
    end
  end
end
