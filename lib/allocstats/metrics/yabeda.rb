# frozen_string_literal: true

module AllocStats
  class Metrics
    # The same families for Yabeda and whatever it exports to, read by a `collect` block each time it collects:
    #
    #   AllocStats::Metrics::Yabeda.register     # in an initializer, before or after Yabeda.configure!
    #
    # The names come out as everywhere else: Yabeda puts group, name and unit together, so the first word of a name is its
    # group ("process", "allocator", "cgroup", "allocstats", "ruby"). A family is declared when it first has a sample,
    # since adapters show a metric without tags as 0 from the start; one that the application has declared itself is its
    # own.
    #
    # Yabeda knows counters that are incremented and gauges that are set. Counters are incremented by what came on top
    # since the last collection; a worker that began anew begins at 0. A gauge keeps its last value where a figure is no
    # longer measured, since Yabeda cannot take one away. Where processes share a store (prometheus-client's
    # DirectFileStore), each has the figures of all: the newest gauge and the highest counter hold.
    class Yabeda
      # @param except [Array<String, Symbol>] names that are left out
      # @return [Yabeda]
      # @raise [UnknownName] for a name in `except` that does not exist
      def self.register(except: [])
        new(Metrics.families_except(except)).tap { |registration| ::Yabeda.collect { registration.collect } }
      end

      def initialize(families)
        @wanted = families
        @declared = {}
        @counted = {}
        @mutex = Mutex.new
      end

      # One reading into all of them.
      def collect
        return unless ::Yabeda.configured?
        @mutex.synchronize do
          AllocStats.metrics.each do |family, samples|
            metric = metric(family) or next
            samples.each { |sample| write(metric, family, family.labelled(sample), sample.value) }
          end
        end
      end

      private

      # nil for one that is not wanted, or not to be had.
      def metric(family)
        @declared.fetch(family.name) { @declared[family.name] = (declare(family) if @wanted.include?(family)) }
      end

      def declare(family)
        place = place(family)
        return if ::Yabeda.metrics.key?(place.values.first(2).join("_"))

        kind, aggregation = (family.type == :counter) ? [:counter, :max] : [:gauge, :most_recent]
        options = {comment: family.help, tags: family.labels.dup, unit: place[:unit], aggregation: aggregation}.compact
        ::Yabeda.configure do
          group place[:group]
          public_send(kind, place[:name], **options)
        end
        ::Yabeda.public_send(place[:group]).public_send(place[:name])
      rescue => error
        warn "allocstats: Yabeda does not take #{family.sample_name}, which is left out: #{error.message}"
      end

      # {group:, name:, unit:} that Yabeda joins to the family's name again.
      def place(family)
        group, name = family.sample_name.split("_", 2)
        unit = family.unit if family.unit && name.end_with?("_#{family.unit}")
        {group: group.to_sym, name: (unit ? name.delete_suffix("_#{unit}") : name).to_sym, unit: unit}
      end

      # Adapters want every tag each time.
      def write(metric, family, known, value)
        tags = family.labels.to_h { |label| [label, known.fetch(label, "")] }
        (family.type == :counter) ? count(metric, tags, value) : metric.set(tags, value)
      end

      def count(metric, tags, value)
        before = @counted.fetch([metric.name, tags], 0)
        metric.increment(tags, by: (value < before) ? value : value - before)
        @counted[[metric.name, tags]] = value
      end
    end
  end
end
