# frozen_string_literal: true

module AllocStats
  # What a monitoring system reads of this process, and of its sibling workers, at one moment:
  #
  #   metrics = AllocStats.metrics
  #   metrics.each { |family, samples| ... }             # families that have a sample; see Family and Sample
  #   metrics.to_h["process_resident_memory_bytes"]      # => {{worker: "0"} => 68_722_688}
  #   AllocStats::Formats::Prometheus.generate(metrics, :openmetrics)
  #
  # What was not measured has no sample, and a family without one is left out: there is no NaN and no made-up 0.
  #
  # It costs a millisecond or two: it reads the workers' slots, the control group's files and the verdict on the
  # allocator, and judges health by them. It never walks a heap and never reads /proc/self/smaps; proportional and unique
  # memory are what the agent last read at its own pace.
  class Metrics
    autoload :Catalogue, "allocstats/metrics/catalogue"
    autoload :Family, "allocstats/metrics/family"
    autoload :PrometheusClient, "allocstats/metrics/prometheus_client"
    autoload :Reading, "allocstats/metrics/reading"
    autoload :Sample, "allocstats/metrics/family"
    autoload :Yabeda, "allocstats/metrics/yabeda"

    include Enumerable

    # All that can be exposed, in the order in which it is.
    # @return [Array<Family>]
    def self.families
      Catalogue.families
    end

    # Those that an application does not expose itself.
    # @param names [Array<String, Symbol>] as they are queried
    # @raise [UnknownName] for one that does not exist
    def self.families_except(names)
      known = families.map(&:sample_name)
      names = names.map(&:to_s).each { |name| known.include?(name) || raise(UnknownName.among("metric", name, known)) }
      families.reject { |family| names.include?(family.sample_name) }
    end

    # Lets the application's own metrics have these too, where it has any: those of Yabeda, or else those of
    # prometheus-client. What has a name of ours already stays the application's.
    # @param except [Array<String, Symbol>] names that are left out
    # @return [Symbol, nil] :yabeda, :prometheus_client, or nil where neither is loaded
    # @raise [UnknownName] for a name in `except` that does not exist
    def self.register(except: [])
      if defined?(::Yabeda)
        Yabeda.register(except: except)
        :yabeda
      elsif defined?(::Prometheus::Client)
        taken = families.map(&:sample_name).select { |name| ::Prometheus::Client.registry.exist?(name.to_sym) }
        PrometheusClient.register(except: except + taken)
        :prometheus_client
      end
    end

    # Seconds that the reading took.
    attr_reader :seconds

    # @param reading [Reading] where the figures come from
    def initialize(reading = Reading.new)
      begun = Clock.now
      samples = Metrics.families.map { |family| family.samples(reading) }
      @seconds = Clock.now - begun
      @families = Metrics.families.zip(samples).map { |family, each| [family, family.equal?(Catalogue::COST) ? cost : each] }
      @families.reject! { |_, each| each.empty? }
      freeze
    end

    # @yieldparam family [Family]
    # @yieldparam samples [Array<Sample>] one or more
    def each(&block)
      @families.each { |family, samples| block.call(family, samples) }
      self
    end

    # The names of what is exposed, as they are queried => {labels => number}.
    def to_h
      @families.to_h { |family, samples| [family.sample_name, samples.to_h { |sample| [family.labelled(sample), sample.value] }] }
    end

    def inspect
      "#<AllocStats::Metrics #{@families.size} families, #{@families.sum { |_, samples| samples.size }} samples>"
    end

    private

    def cost = [Sample.new([], @seconds)]
  end
end
