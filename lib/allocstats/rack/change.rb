# frozen_string_literal: true

module AllocStats
  module Rack
    # What can be changed over HTTP, by the path below the mount point. Each takes the Hash of a Body and answers what came
    # of it, of this worker or of all.
    module Change
      # A name that is given but not among those that are known is a mistake, and not for us to guess around.
      KNOWN = {purge: ["workers", "gc", "compact"], tune: ["workers", "profile", "options"]}.freeze

      # What JSON and forms write for yes and no; a box that is not ticked is not sent at all.
      YES = [true, "true", "1", "on"].freeze
      NO = [false, "false", "0", "off", "", nil].freeze

      module_function

      # @return [AllocStats::Purge, Workers::Purge]
      # @raise [InvalidValue]
      def purge(body)
        check(body, :purge)
        options = {gc: truth(body, "gc"), compact: truth(body, "compact")}
        all?(body) ? AllocStats.workers.purge(**options) : AllocStats.purge(**options)
      end

      # @return [Tuning, Workers::Tuning]
      # @raise [UnknownName, InvalidValue, Unsupported, Refused]
      def tune(body)
        check(body, :tune)
        profile = body["profile"]
        profile = nil if profile == ""
        options = options_of(body)
        all?(body) ? AllocStats.workers.tune(profile, **options) : AllocStats.tune(profile, **options)
      end

      def check(body, change)
        known = KNOWN.fetch(change)
        unknown = body.keys.find { |name| !known.include?(name) } or return
        raise UnknownName.among("part of a #{change}", unknown, known)
      end

      def all?(body)
        workers = body.fetch("workers", "this")
        return workers == "all" if ["this", "all"].include?(workers)
        raise InvalidValue, "workers is this or all, not #{workers.inspect[0, 80]}"
      end

      def truth(body, name)
        value = body[name]
        return YES.include?(value) if YES.include?(value) || NO.include?(value)
        raise InvalidValue, "#{name} is true or false, not #{value.inspect[0, 80]}"
      end

      # Values from a form are texts, which no option takes for a number.
      def options_of(body)
        options = body.fetch("options", {})
        raise InvalidValue, "options must be names with their values" unless options.is_a?(Hash)
        options.transform_values { |value| value.is_a?(String) ? written(value) : value }
      end

      def written(text)
        case text
        when /\A-?\d{1,20}\z/ then text.to_i
        when /\A-?\d{1,10}\.\d{1,10}\z/ then text.to_f
        when "true" then true
        when "false" then false
        else text
        end
      end

      private_class_method :check, :all?, :truth, :options_of, :written
    end
  end
end
