# frozen_string_literal: true

module AllocStats
  # A text of MALLOC_CONF as jemalloc takes it, as far as can be seen what was meant: with colons and commas, without quotes and
  # blanks, each key by its name, each value in the form that the key takes. What the running version does not read is left
  # out.
  class Allocators::Jemalloc::Correction
    PAIR = /(\w+)(?:\s*[:=]\s*|\s+)([^,;\s]+)/
    NUMBER = /\A([-+]?\d[\d_]*)(ms|s|[kmg])?(?:i?b)?\z/i
    FACTORS = {"k" => 1 << 10, "m" => 1 << 20, "g" => 1 << 30}.freeze
    SWITCH = {"true" => "true", "1" => "true", "yes" => "true", "on" => "true", "false" => "false", "0" => "false", "no" => "false", "off" => "false"}.freeze

    # @param keys [Array<String>] those that the running version reads
    # @param kinds [#call] key => true, an Integer, the words (Array), or nil where it takes what it is given
    def initialize(text, keys:, kinds:)
      @keys = keys
      @kinds = kinds
      @pairs = text.scan(PAIR).filter_map { |key, value| pair(key, value) }.to_h
    end

    # @return [String, nil] nil where nothing of it is left
    def text
      @pairs.map { |key, value| "#{key}:#{value}" }.join(",") unless @pairs.empty?
    end

    private

    def pair(key, value)
      name = @keys.find { |known| known.casecmp?(key) } || UnknownName.nearest(key, @keys) or return
      mended = mend(name, value) or return
      [name, mended]
    end

    def mend(key, value)
      case (kind = @kinds.call(key))
      when true then SWITCH[value.downcase]
      when Integer then number(key, value)
      when Array then kind.find { |word| word.casecmp?(value) }
      else value
      end
    end

    def number(key, value)
      return value if value.match?(/\A[-+]?(0x\h+|\d+)\z/i) || (key == "narenas" && value == "default")
      digits, unit = NUMBER.match(value)&.captures
      return unless digits
      amount = digits.delete("_").to_i
      case unit&.downcase
      when nil then amount.to_s
      when "ms" then amount.to_s if key.end_with?("_ms")
      when "s" then (amount * 1000).to_s if key.end_with?("_ms")
      else (amount * FACTORS.fetch(unit.downcase)).to_s unless key.end_with?("_ms")
      end
    end
  end
end
