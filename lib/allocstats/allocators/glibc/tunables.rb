# frozen_string_literal: true

module AllocStats
  # The settings of glibc's malloc that the environment gave when the process started: GLIBC_TUNABLES (the manual's
  # chapter "Tunables") and the older variables MALLOC_ARENA_MAX and so on, by the rules of glibc: GLIBC_TUNABLES goes
  # before a variable; of one tunable the last value counts; what is out of bounds is ignored, and so is everything in a
  # process that runs with more rights than its user.
  class Allocators::Glibc::Tunables
    # - `value` (Integer, nil) nil for a text that is not wholly a number, or none of 64 bits: versions of glibc differ in
    #   what they make of it
    # - `source` (String) "GLIBC_TUNABLES" or the variable's name
    # - `text` (String) as it was given
    Tunable = Struct.new(:value, :source, :text, keyword_init: true)

    MOST = (2**64) - 1

    # name => [least, most, variable], as `ld.so --list-tunables` shows them.
    NAMES = {
      "glibc.malloc.arena_max" => [1, MOST, "MALLOC_ARENA_MAX"],
      "glibc.malloc.arena_test" => [1, MOST, "MALLOC_ARENA_TEST"],
      "glibc.malloc.check" => [0, 3, "MALLOC_CHECK_"],
      "glibc.malloc.hugetlb" => [0, MOST, nil],
      "glibc.malloc.mmap_max" => [0, (2**31) - 1, "MALLOC_MMAP_MAX_"],
      "glibc.malloc.mmap_threshold" => [0, MOST, "MALLOC_MMAP_THRESHOLD_"],
      "glibc.malloc.mxfast" => [0, MOST, nil],
      "glibc.malloc.perturb" => [0, 255, "MALLOC_PERTURB_"],
      "glibc.malloc.tcache_count" => [0, MOST, nil],
      "glibc.malloc.tcache_max" => [0, MOST, nil],
      "glibc.malloc.tcache_unsorted_limit" => [0, MOST, nil],
      "glibc.malloc.top_pad" => [0, MOST, "MALLOC_TOP_PAD_"],
      "glibc.malloc.trim_threshold" => [0, MOST, "MALLOC_TRIM_THRESHOLD_"]
    }.each_value(&:freeze).freeze

    VARIABLE = "GLIBC_TUNABLES"
    NUMBER = /\A[ \t]*([+-]?)(0[xX]\h+|0[0-7]*|[1-9]\d*)\z/

    # Of this process. Its environment of the start cannot be read once its title was written over it ($0=): then what
    # ENV holds now is taken, and `certain?` is false.
    def self.of_start
      start = Procfs::StartEnvironment.new
      return new({}, certain: true) if Allocators.secure_execution?
      return new(ENV, certain: false) unless start.readable?
      new(start, certain: true)
    end

    # @param environment [#[]] variable => String or nil
    def initialize(environment, certain: true)
      @certain = certain
      @tunables = NAMES.keys.to_h { |name| [name, from_variable(name, environment)] }.merge(from_tunables(environment[VARIABLE].to_s.b)).compact.freeze
    end

    def certain?
      @certain
    end

    # @return [Tunable, nil] nil where the environment did not set it
    # @raise [UnknownName]
    def [](name)
      @tunables[Allocators::Given.name_among(NAMES, "tunable of glibc's malloc", name)]
    end

    # @return [Hash{String => Tunable}] those that were set
    def to_h
      @tunables
    end

    private

    def from_variable(name, environment)
      variable = NAMES[name].last
      tunable(name, environment[variable], variable) if variable
    end

    def from_tunables(text)
      text.split(":").map { |entry| entry.split("=", 2) }.each_with_object({}) do |(name, value), found|
        tunable = tunable(name, value, VARIABLE) if NAMES.key?(name)
        found[name] = tunable if tunable
      end
    end

    def tunable(name, text, source)
      return unless text
      least, most, = NAMES[name]
      value = number(text, most)
      Tunable.new(value: value, source: source, text: text.dup.freeze).freeze if value.nil? || value.between?(least, most)
    end

    # As strtoul(3) reads it: below zero it goes on from the top.
    def number(text, most)
      sign, digits = NUMBER.match(text.b)&.captures
      return unless digits
      value = Integer(digits)
      return if value > MOST
      return value unless sign == "-"
      (most == MOST) ? -value % (MOST + 1) : -value
    end
  end
end
