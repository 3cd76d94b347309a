# frozen_string_literal: true

module AllocStats
  module Launch
    # The value of LD_PRELOAD: libraries, separated by spaces or colons (ld.so(8)). Bytes, which need be no text.
    class PreloadList
      VARIABLE = "LD_PRELOAD"
      ALLOCATOR = %r{(\A|/)(lib(#{NAMES.join("|")}|hoard|scudo)[^/]*|allocstats_exec_filter\.so)\z}n

      def initialize(text)
        @entries = text.to_s.b.split(/[\s:]+/n).reject(&:empty?)
      end

      # With a library in front, once. The rest keeps its order, without this gem's own filter; an allocator that was there gives way: of two only the first would serve malloc, and
      # the other would be in the way of what it does not have.
      # @param path [String, nil] nil for the C library's own malloc
      # @return [String, nil] nil where nothing is left
      def led_by(path)
        entries = [path&.b].compact | @entries.reject { |entry| entry.match?(ALLOCATOR) || same?(entry, path) }
        entries.join(":").force_encoding(Encoding.find("locale")) unless entries.empty?
      end

      private

      def same?(entry, path)
        path && entry.include?("/") && File.identical?(entry, path)
      rescue ArgumentError
        false
      end
    end
  end
end
