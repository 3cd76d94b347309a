# frozen_string_literal: true

module AllocStats
  module Formats
    # Metrics as Prometheus and its kin read them: the text format 0.0.4, or OpenMetrics 1.0 for who asks for it.
    #
    #   format = Prometheus.negotiate(env["HTTP_ACCEPT"])      # => :openmetrics
    #   Prometheus.content_type(format)
    #   Prometheus.generate(AllocStats.metrics, format)
    module Prometheus
      # The type without parameters, its version, and how it is sent.
      TYPES = {
        prometheus: ["text/plain", "0.0.4"].freeze,
        openmetrics: ["application/openmetrics-text", "1.0.0"].freeze
      }.freeze

      ESCAPES = {"\\" => "\\\\", "\n" => "\\n", "\"" => "\\\""}.freeze

      # What is the same in each answer: made once for each family, of which there are no more than the catalogue has.
      HEADS = {true => {}.compare_by_identity, false => {}.compare_by_identity}.freeze

      module_function

      # Which format answers an Accept header best. The older text, which everything reads, unless the other is liked
      # more; also for who takes neither, since that says more than a refusal does.
      # @return [Symbol] :prometheus or :openmetrics
      def negotiate(accept)
        accept = Accept.new(accept)
        plain, open = TYPES.values.map { |type, version| accept.quality(type, "version" => version) }
        (open > plain) ? :openmetrics : :prometheus
      end

      # @return [String]
      # @raise [UnknownName]
      def content_type(format)
        type, version = TYPES.fetch(format) { raise UnknownName.among("format of metrics", format, TYPES.keys) }
        "#{type}; version=#{version}; charset=utf-8"
      end

      # @param metrics [Metrics]
      # @return [String] UTF-8
      # @raise [UnknownName]
      def generate(metrics, format = :prometheus)
        content_type(format)
        open = format == :openmetrics
        text = +""
        metrics.each do |family, samples|
          text << (HEADS[open][family] ||= (open ? open_head(family) : head(family)).freeze)
          rows(text, family, samples)
        end
        open ? text << "# EOF\n" : text
      end

      # Facts are no type of their own there.
      def head(family)
        "# HELP #{family.sample_name} #{escape(family.help, /[\\\n]/)}\n" \
          "# TYPE #{family.sample_name} #{(family.type == :info) ? :gauge : family.type}\n"
      end

      # The family's name, without what its samples' names end in.
      def open_head(family)
        "# TYPE #{family.name} #{family.type}\n" \
          "#{"# UNIT #{family.name} #{family.unit}\n" if family.unit}" \
          "# HELP #{family.name} #{escape(family.help)}\n"
      end

      def rows(text, family, samples)
        samples.each do |sample|
          text << family.sample_name
          opening = "{"
          family.each_label(sample) do |name, value|
            text << opening << name.name << "=\"" << escape(value) << "\""
            opening = ","
          end
          text << "}" if opening == ","
          text << " " << sample.value.to_s << "\n"
        end
      end

      def escape(text, signs = /[\\\n"]/)
        text.match?(signs) ? text.gsub(signs, ESCAPES) : text
      end

      private_class_method :head, :open_head, :rows, :escape
    end
  end
end
