# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # A profile at one moment: by stack, what is alive and what was born since the profile began. The difference of two
    # is what was born between them, and of that what is alive at the later one.
    class Snapshot
      KEYS = {
        line: ->(stack) { stack.line&.location || nowhere(stack) },
        method: ->(stack) { stack.method_name || nowhere(stack) },
        gem: ->(stack) { stack.line ? Owner.of(stack.line.path) : nowhere(stack) },
        library: ->(stack) { stack.library || Owner::RUBY },
        thread: ->(stack) { stack.thread },
        stack: ->(stack) { stack }
      }.freeze

      # The name of what has no frame of Ruby.
      def self.nowhere(stack)
        [Stack::KINDS[stack.kind]&.label || Owner::RUBY, stack.native&.label].compact.join(" ")
      end

      # @param copy [Hash] of Native.copy
      # @param names [Names]
      def self.of(copy, names, value = nil)
        stacks = copy[:sites].each_with_index.map { |site, number| names.stack(number, site) }
        totals = copy[:sites].map { |site| Estimate.new(*site.last).freeze }
        births = copy[:rows].map { |site, birth, second, estimate| [site, birth, second, Estimate.new(*estimate).freeze].freeze }
        new(stacks: stacks, totals: totals, births: births, dropped: Estimate.new(*copy[:dropped]).freeze,
          value: value, redirection: HeapProfile.redirection, **copy.slice(:serial, :number, :interval, :seconds))
      end

      # - `interval` (Integer) bytes between two samples in the mean
      # - `seconds` (Float) since the profile began, of a difference those between the two
      # - `dropped` (Estimate) what was sampled and did not fit: it is in no row
      # - `pid` (Integer) and `time` (Time) whose it is, and when it was taken
      # - `value` what a profiled block answered
      # - `redirection` (Hash) how many slots of how many loaded objects led to the profile, and what was left alone
      attr_reader :interval, :seconds, :dropped, :pid, :time, :value, :redirection, :serial, :number

      def initialize(stacks:, totals:, births:, dropped:, serial:, number:, interval:, seconds:, value: nil, redirection: {}, pid: Process.pid, time: Time.now)
        @stacks = stacks
        @totals = totals
        @births = births
        @dropped = dropped
        @serial = serial
        @number = number
        @interval = interval
        @seconds = seconds
        @value = value
        @redirection = redirection
        @pid = pid
        @time = time
      end

      # @return [Estimate] what is alive
      def live_bytes = @live_bytes ||= Estimate.sum(@births.map(&:last))

      # @return [Estimate] what was born, alive or not
      def total_bytes = @total_bytes ||= Estimate.sum(@totals)

      # @return [Array<Row>] one for each stack, the most alive first
      def rows = @rows ||= by(:stack)

      # @param key [Symbol] :line, :method, :gem, :library, :thread or :stack
      # @return [Array<Row>] the most alive first, then the most born
      def by(key)
        name = KEYS.fetch(key.to_sym) { raise UnknownName.among("way to sum a heap profile", key, KEYS.keys) }
        names = @stacks.map(&name)
        live = sums(@births.map { |site, _, _, estimate| [names[site], estimate] })
        total = sums(names.zip(@totals))
        rows = total.filter_map { |label, sum| Row.new(label, live.fetch(label, Estimate::NONE), sum).freeze unless sum.zero? && !live.key?(label) }
        rows.sort_by { |row| [-row.live.bytes, -row.total.bytes] }
      end

      # @return [Array<Row>]
      def top(count = 10, by: :line) = self.by(by).first(count)

      # What was born between an earlier snapshot of the same profile and this one.
      # @return [Snapshot]
      # @raise [InvalidValue]
      def -(other)
        check(other)
        before = other.totals
        self.class.new(
          stacks: @stacks,
          totals: @totals.each_with_index.map { |total, site| before[site] ? total - before[site] : total },
          births: @births.select { |_, birth, _, _| birth >= other.number },
          dropped: dropped - other.dropped,
          seconds: seconds - other.seconds,
          serial: serial, number: number, interval: interval, redirection: redirection, pid: pid, time: time
        )
      end

      # @param of [Symbol] :live or :total
      # @return [String] one line a stack, outermost frame first, and bytes
      def to_collapsed(of: :live) = Collapsed.of(self, of: of)

      # @return [String] a gzipped protocol buffer, which `go tool pprof`, Pyroscope and Parca read
      def to_pprof = Pprof.of(self)

      # @return [String] what gperftools' own pprof reads
      def to_gperftools = Gperftools.of(self)

      # @return [String] JSON for speedscope
      def to_speedscope = Speedscope.of(self)

      # @return [String] JSON for Firefox's profiler
      def to_firefox = Firefox.of(self)

      # @param before [Snapshot, nil] shows what has grown and shrunk since
      # @return [String] a page of its own
      def to_html(before: nil, nonce: nil) = FlameGraph.of(self, before: before, nonce: nonce)

      # The page for a terminal.
      def to_s = Table.of(self)

      def inspect = "#<#{self.class} #{live_bytes} live, #{total_bytes} in #{seconds.round(1)} s, every #{interval} bytes>"

      WRITERS = {
        ".html" => :to_html, ".pb.gz" => :to_pprof, ".txt" => :to_s, ".collapsed" => :to_collapsed,
        ".speedscope.json" => :to_speedscope, ".firefox.json" => :to_firefox, ".heap" => :to_gperftools
      }.freeze

      # Writes what the name's ending says.
      # @raise [UnknownName] for another ending
      def write(path)
        File.binwrite(path, public_send(WRITERS.fetch(self.class.ending(path))))
        path
      end

      # @raise [UnknownName]
      def self.ending(path)
        WRITERS.keys.find { |known| path.to_s.end_with?(known) } or
          raise UnknownName.among("form of a heap profile's file", path, WRITERS.keys)
      end

      protected

      attr_reader :totals

      private

      def sums(pairs)
        pairs.each_with_object(Hash.new(Estimate::NONE)) { |(label, estimate), sums| sums[label] += estimate }
      end

      def check(other)
        raise InvalidValue, "a heap profile's snapshot has another one taken from it, not #{other.class}" unless other.is_a?(Snapshot)
        raise InvalidValue, "the two snapshots are of different profiles" unless other.serial == serial
        raise InvalidValue, "the two snapshots are of different processes, #{other.pid} and #{pid}" unless other.pid == pid
        raise InvalidValue, "the snapshot that is taken away is the later one" if other.number > number
      end
    end
  end
end
