# frozen_string_literal: true

module AllocStats
  class Workers
    # Another worker's ledger. That one makes it, since only a process itself can ask its allocator, and its reply comes as
    # JSON, of which nothing is believed that is not a number of bytes of a layer there is.
    module Ledger
      module_function

      # What a worker replies.
      # @return [String]
      def text
        ledger = AllocStats.ledger
        JSON.generate(rss: ledger.rss, bytes: ledger.layers.to_h { |layer| [layer.name, layer.bytes] }, reasons: ledger.reasons)
      end

      # @return [AllocStats::Ledger]
      # @raise [NoAnswer]
      def of(worker, timeout:)
        raise NoAnswer, "worker #{worker.index} cannot be asked: it shares no page" unless worker.identity
        text = nil
        _, answers = Request.new([worker], kind: Sampler::Errand::LEDGER, options: {}, timeout: timeout, only: true).run { |number| text = number && -> { SharedPage.reply_to(number) } }
        answer = answers.fetch(worker)
        raise NoAnswer, "worker #{worker.index} (pid #{worker.pid}) gave no ledger: #{answer[:reason]}" unless answer[:outcome] == "read"
        parse(text.call) or raise NoAnswer, "worker #{worker.index} (pid #{worker.pid}) gave a ledger that makes no sense"
      end

      # @return [AllocStats::Ledger, nil]
      def parse(text)
        rss, bytes, reasons = JSON.parse(text.to_s, symbolize_names: true).values_at(:rss, :bytes, :reasons)
        return unless bytes?(rss) && bytes.is_a?(Hash) && bytes.all? { |name, value| AllocStats::Ledger::DEFINITIONS.key?(name) && bytes?(value) }
        return unless reasons.is_a?(Hash) && reasons.values.all?(String)
        AllocStats::Ledger.new(rss: rss, bytes: bytes, reasons: reasons)
      rescue JSON::ParserError, EncodingError, TypeError, NoMethodError, ArgumentError
        nil
      end

      def bytes?(value) = value.nil? || (value.is_a?(Integer) && value >= 0)

      private_class_method :parse, :bytes?
    end
  end
end
