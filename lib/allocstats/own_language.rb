# frozen_string_literal: true

module AllocStats
  # What the methods share that speak an allocator's own language: whose each of them is, and how what was given to them
  # is looked up and shown.
  module OwnLanguage
    # Stands for a value that was not given, where nil is one that does not fit.
    NOTHING = Object.new.freeze

    METHODS = {
      jemalloc: %w[mallctl mallctl_many malloc_stats],
      mimalloc: %w[mi_option mi_options mi_option_catalogue mi_stats mi_process_info],
      glibc: %w[mallopt mallopts malloc_info mallinfo2 malloc_trim glibc_tunables],
      tcmalloc: %w[tcmalloc_property tcmalloc_properties tcmalloc_release_rate tcmalloc_release_free_memory]
    }.transform_values { |methods| methods.each(&:freeze).freeze }.freeze

    NEEDLESS = {"malloc_trim" => "; malloc_trim would do nothing there and answer 0"}.freeze

    LONGEST_SHOWN = 60

    module_function

    # @raise [Unsupported] unless `method` is of the language of the allocator that runs this process
    def demand(method)
      running = Allocator.bound_name
      owner = METHODS.keys.find { |allocator| METHODS[allocator].include?(method) }
      raise Unsupported, "#{method} is #{owner}'s own, and #{title(running)} runs this process#{NEEDLESS[method]}; #{instead(running)}" unless running == owner
    end

    # "mimalloc 3.6.0"; of what allocstats does not know, the path
    def title(running = Allocator.bound_name)
      return "an allocator that allocstats does not know (#{Allocator.detect.path})" if running == :unknown
      [running, Allocator.bound_version].compact.join(" ")
    end

    def instead(running)
      return "its own are #{METHODS[running].join(", ")}" if METHODS.key?(running)
      "it has nothing of the kind: #{METHODS.map { |allocator, methods| "#{allocator} has #{methods.first}" }.join(", ")}"
    end
    private_class_method :instead

    # The key of `known` (String => anything) that was meant.
    # @param kind [String] what is looked up, as "option of mallopt"
    # @raise [UnknownName]
    def name_among(known, kind, name)
      text = name_text(kind, name)
      known.key?(text) ? text : raise(UnknownName.among(kind, text, known.keys))
    end

    # @return [String]
    # @raise [UnknownName] for what is neither a Symbol nor a String
    def name_text(kind, name)
      case name
      when Symbol then name.name
      when String then String.new(name)
      else raise UnknownName, "the name of #{article(kind)} is a Symbol or a String, not #{shown(name)}"
      end
    end

    def article(noun)
      "#{noun.start_with?(/[aeiou]/) ? "an" : "a"} #{noun}"
    end
    private_class_method :article

    # An Integer in the range, from an Integer or, where 0 and 1 fit, from true and false.
    # @param unit [Symbol] :switch and :mode show no unit
    def integer_in(range, unit, name, value)
      number = {true => 1, false => 0}.fetch(value, value) if range.cover?(0..1) && %i[switch mode].include?(unit)
      number = value if number.nil?
      return number if number.is_a?(Integer) && range.cover?(number)
      raise InvalidValue, "#{name} takes #{fitting(range, unit)}, not #{shown(value)}"
    end

    def fitting(range, unit)
      return "true or false" if unit == :switch
      "an Integer from #{range.begin} to #{range.end}#{" (#{unit})" unless %i[mode count].include?(unit)}"
    end
    private_class_method :fitting

    # Never calls what a class of the user's has defined.
    def shown(value)
      case value
      when true, false, nil, Float, Symbol then value.inspect[0, LONGEST_SHOWN].scrub
      when Integer then (value.bit_length <= 128) ? value.to_s : "an Integer of #{value.bit_length} bits"
      when String then String.new(value)[0, LONGEST_SHOWN].scrub.inspect
      else "a value of another class"
      end
    end
  end
end
