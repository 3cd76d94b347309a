# frozen_string_literal: true

module AllocStats
  # What a process was like over the last day: a point every ten seconds (or AllocStats.start's interval) for the last
  # 360 of them, which is an hour, and one a minute for a day. It costs a fixed 130 KB a process, and ends with it.
  #
  #   AllocStats.history.points(seconds: 600).last.rss   # => 68_722_688
  #   AllocStats.history.growth(seconds: 3600)           # => 1_250_000.0 bytes an hour
  #
  # A history is read once and does not change; AllocStats.history reads it anew. It is empty where the agent does not
  # run.
  class History
    # `time` (Time) of the sample; `rss`, `live`, `kept`, `ruby_heap`, `ruby_heap_live` and `files` as in Sample. `malloc`
    # is what the allocator holds where live and kept are not counted apart, `stacks` what is resident of the threads'
    # stacks; both, as far as they are read from the mappings, are up to a minute old. Bytes, or nil.
    Point = Struct.new(:time, :rss, :live, :kept, :malloc, :ruby_heap, :ruby_heap_live, :files, :stacks)

    # From how many points on a line is drawn through them, and over what part of the time that was asked for.
    FEWEST_POINTS = 10
    LEAST_SHARE = 0.1

    # More points than these are thinned out before a line is drawn: it compares each with each.
    MOST_POINTS = 40

    # Of this process.
    def self.read
      new(SharedMemory.history(nil, nil), interval: SharedMemory.own_row&.fetch(:interval))
    end

    # Seconds between two samples; nil where the agent does not run.
    attr_reader :interval

    # @param rows [Array<Array>] [seconds since 1970, and then what a Point has], oldest first
    def initialize(rows, interval:)
      @rows = rows.freeze
      @interval = interval
      freeze
    end

    # @param seconds [Numeric] how far to go back
    # @return [Array<Point>] oldest first
    def points(seconds: 3600)
      rows(seconds: seconds).map { |time, *figures| Point.new(Time.at(time), *figures) }
    end

    # The same as plain rows, [seconds since 1970, rss, ...], without an object for each.
    # @return [Array<Array>] oldest first
    def rows(seconds: 3600)
      raise InvalidValue, "seconds must be a number above 0, not #{seconds.inspect[0, 80]}" unless seconds.is_a?(Numeric) && seconds.real? && seconds.positive?
      earliest = Time.now.to_f - seconds
      @rows.drop_while { |time,| time < earliest }
    end

    # By how much the resident set grows: the slope of a line through its points that a single peak does not bend (see
    # Statistics.slope).
    # @return [Float, nil] bytes an hour, negative where it shrinks; nil where there are fewer than FEWEST_POINTS points,
    #   or they lie closer together than a tenth of `seconds`
    def growth(seconds: 3600)
      rows = self.rows(seconds: seconds).select { |_, rss| rss }
      return if rows.size < FEWEST_POINTS || rows.last[0] - rows.first[0] < seconds * LEAST_SHARE
      History.slope(rows)&.*(3600)
    end

    # @param rows [Array<Array>] as in `new`
    # @return [Float, nil] bytes a second by which the resident set grows
    def self.slope(rows)
      rows = Array.new(MOST_POINTS) { |i| rows[i * (rows.size - 1) / (MOST_POINTS - 1)] } if rows.size > MOST_POINTS
      Statistics.slope(rows.map { |row| row.first(2) })
    end

    def empty? = @rows.empty?

    # @return [Integer] number of points
    def size = @rows.size

    # All there is: {interval:, columns: [:time, :rss, ...], points: [[seconds since 1970, rss, ...], ...]}.
    def to_h
      {interval: interval, columns: Point.members, points: @rows}
    end

    def inspect
      "#<AllocStats::History #{size} points#{", from #{Time.at(@rows.first[0])} to #{Time.at(@rows.last[0])}" unless empty?}>"
    end
  end
end
