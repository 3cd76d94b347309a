# frozen_string_literal: true

module AllocStats
  # From when on a share of something counts: only when it is large as a ratio *and* in bytes, since nine tenths of
  # nothing is nothing, and a gigabyte of a terabyte is not much either.
  #
  #   KEPT = Threshold.new(ratio: 0.4, bytes: 64 << 20)
  #   KEPT.reached?(kept, resident)
  Threshold = Struct.new(:ratio, :bytes, keyword_init: true) do
    # Whether `part` of `whole` counts; nothing that was not measured does.
    def reached?(part, whole)
      return false unless part && whole&.positive?
      part >= bytes && part.fdiv(whole) >= ratio
    end

    def to_s = "#{(ratio * 100).round} % and #{bytes / (1 << 20)} MiB"
  end
end
