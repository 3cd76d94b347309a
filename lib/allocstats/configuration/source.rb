# frozen_string_literal: true

module AllocStats
  class Configuration
    # One of the places where allocstats is configured: config.allocstats of Rails, or a block of AllocStats.configure. Each
    # reads what all have said, sets options, and knows no others.
    class Source
      # As refusals call it: "config.allocstats".
      attr_reader :name

      # Read, set by `=`, or set to the block that it is given.
      OPTIONS.each_value do |option|
        define_method(option.name) { |&block| block ? @configuration.set(option, block, self) : @configuration[option.name] }
        define_method(:"#{option.name}=") { |value| @configuration.set(option, value, self) }
      end

      def initialize(configuration, name)
        @configuration = configuration
        @name = name
      end

      # As Configuration's, with the environment of the application.
      def endpoint_options(environment)
        {environment: environment.to_s, **@configuration.endpoint_options}
      end

      def respond_to_missing?(*) = false

      def method_missing(name, *)
        raise UnknownName.among("option of #{@name}", name.to_s.delete_suffix("="), OPTIONS.keys)
      end

      def inspect = @configuration.inspect
    end
  end
end
