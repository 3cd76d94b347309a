# frozen_string_literal: true

module AllocStats
  class Workers
    # Another worker's ledger. That one makes it, since only a process itself can ask its allocator, and its reply comes as
    # JSON, of which nothing is believed that is not a number of bytes of a layer there is.
    module Ledger
      module_function

      # @return [AllocStats::Ledger]
      # @raise [NoAnswer]
      def of(worker, timeout:)
        raise NoAnswer, "worker #{worker.index} cannot be asked: it shares no memory" unless worker.identity
        text = nil
        _, answers = Request.new([worker], kind: Agent::Message::LEDGER, options: {}, timeout: timeout, only: true).run { |number| text = number && -> { SharedMemory.reply_to(number) } }
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
