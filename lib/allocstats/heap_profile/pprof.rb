# frozen_string_literal: true

require "zlib"

module AllocStats
  module HeapProfile
    # A profile for pprof and all that reads its format (profile.proto). Its values are unbiased already, so a reader may
    # add them up, over processes too.
    class Pprof
      SAMPLE_TYPES = [%w[alloc_objects count], %w[alloc_space bytes], %w[inuse_objects count], %w[inuse_space bytes]].freeze
      DEFAULT = "inuse_space"
      # Fields of the messages, by their numbers in profile.proto.
      PROFILE = {sample_type: 1, sample: 2, mapping: 3, location: 4, function: 5, string_table: 6, time_nanos: 9,
                 duration_nanos: 10, period_type: 11, period: 12, comment: 13, default_sample_type: 14}.freeze
      NANOSECONDS = 1_000_000_000

      def self.of(snapshot) = Zlib.gzip(new(snapshot).encode)

      def initialize(snapshot)
        @snapshot = snapshot
        @strings = Hash.new { |strings, text| strings[text] = strings.size }
        @strings[""] # the first is the empty one
        @functions = {}
        @locations = {}
      end

      def encode
        profile = Protobuf.new
        SAMPLE_TYPES.each { |type| value_type(profile, :sample_type, *type) }
        @snapshot.rows.each { |row| sample(profile, row) }
        mapping(profile)
        @locations.each { |(function, line), id| location(profile, id, function, line) }
        @functions.each { |(label, path, first), id| function(profile, id, label, path, first) }
        about(profile)
        @strings.each_key { |text| profile.bytes(PROFILE[:string_table], text) }
        profile.to_s
      end

      private

      def value_type(profile, field, type, unit)
        profile.message(PROFILE[field]) do |message|
          message.number(1, @strings[type])
          message.number(2, @strings[unit])
        end
      end

      # Locations from the innermost out, and the thread as a label.
      def sample(profile, row)
        profile.message(PROFILE[:sample]) do |message|
          message.numbers(1, row.name.path.reverse.map { |frame| location_of(frame) })
          message.numbers(2, values(row))
          message.message(3) do |label|
            label.number(1, @strings["thread"])
            label.number(2, @strings[row.name.thread])
          end
        end
      end

      def values(row) = [row.total.objects.round, row.total.to_i, row.live.objects.round, row.live.to_i]

      def location_of(frame)
        key = [frame.label, frame.path.to_s, frame.first_line]
        function = @functions[key] ||= @functions.size + 1
        @locations[[function, frame.line]] ||= @locations.size + 1
      end

      # One that says: nothing is left to be looked up.
      def mapping(profile)
        profile.message(PROFILE[:mapping]) do |message|
          message.number(1, 1)
          message.number(5, @strings["ruby"])
          [7, 8, 9].each { |has| message.number(has, 1) }
        end
      end

      def location(profile, id, function, line)
        profile.message(PROFILE[:location]) do |message|
          message.number(1, id)
          message.number(2, 1)
          message.message(4) do |inner|
            inner.number(1, function)
            inner.number(2, line)
          end
        end
      end

      def function(profile, id, label, path, first)
        profile.message(PROFILE[:function]) do |message|
          message.number(1, id)
          message.number(2, @strings[label])
          message.number(3, @strings[label])
          message.number(4, @strings[path])
          message.number(5, first)
        end
      end

      def about(profile)
        profile.number(PROFILE[:time_nanos], (@snapshot.time.to_r * NANOSECONDS).to_i)
        profile.number(PROFILE[:duration_nanos], (@snapshot.seconds * NANOSECONDS).to_i)
        value_type(profile, :period_type, "space", "bytes")
        profile.number(PROFILE[:period], @snapshot.interval)
        profile.number(PROFILE[:comment], @strings["allocstats #{VERSION}, process #{@snapshot.pid}"])
        profile.number(PROFILE[:default_sample_type], @strings[DEFAULT])
      end
    end
  end
end
