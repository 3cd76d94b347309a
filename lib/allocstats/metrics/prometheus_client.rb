# frozen_string_literal: true

module AllocStats
  class Metrics
    # The same families in a registry of the gem prometheus-client, read whenever the registry is scraped or pushed:
    #
    #   AllocStats::Metrics::PrometheusClient.register                                # in Prometheus::Client.registry
    #   AllocStats::Metrics::PrometheusClient.register(registry, except: ["process_resident_memory_bytes"])
    #
    # The gem's own metrics are stores that somebody must set; a figure that is only set when somebody thinks of it is
    # old when it is read. So each family is registered as an object that answers what the registry asks of a metric, and
    # reads when its values are asked for. It keeps nothing in the configured data store: with DirectFileStore each
    # worker answers for all of them just so, from what the workers share.
    #
    # This needs prometheus-client 1.0 or later, and no line of it is loaded before `register` is called.
    module PrometheusClient
      # One family, as a metric of the registry. It can be read, not set.
      class Metric
        attr_reader :name, :docstring, :type, :labels

        # Labels that every sample has, which the gem's own metrics can be given.
        def preset_labels = {}

        def initialize(family, reading)
          @reading = reading
          @name = family.sample_name.to_sym
          @docstring = family.help
          @type = (family.type == :info) ? :gauge : family.type # the format that the gem writes knows no other
          @labels = family.labels
        end

        # {labels => number} as they are now; empty where nothing was measured.
        def values
          @reading.value.fetch(name.to_s, {})
        end

        # The number with exactly these labels, or nil.
        def get(labels: {})
          values[labels.transform_values(&:to_s)]
        end
      end

      # For so long one reading serves: longer than a scrape takes, shorter than the next is away.
      SECONDS = 0.1

      module_function

      # @param registry [Prometheus::Client::Registry]
      # @param except [Array<String, Symbol>] names that are left out, as an application exposes them itself
      # @return [Array<Metric>] what was registered: all or, with an error, nothing
      # @raise [UnknownName] for a name in `except` that does not exist
      # @raise [InvalidValue] where the registry has a metric of one of these names
      def register(registry = ::Prometheus::Client.registry, except: [])
        families = Metrics.families_except(except)
        taken = families.map(&:sample_name).select { |name| registry.exist?(name.to_sym) }
        raise InvalidValue, "the registry already has #{taken.join(", ")}; except: leaves names out" if taken.any?

        reading = SharedValue.new(seconds: SECONDS) { AllocStats.metrics.to_h }
        families.map { |family| registry.register(Metric.new(family, reading)) }
      end
    end
  end
end
