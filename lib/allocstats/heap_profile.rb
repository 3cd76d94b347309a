# frozen_string_literal: true

module AllocStats
  # Which lines of Ruby hold the bytes that malloc gave out, on every allocator, C extensions and C libraries included.
  # One profile at a time is on in a process; a forked child goes on with its copy.
  #
  #   AllocStats::HeapProfile.start
  #   earlier = AllocStats::HeapProfile.snapshot
  #   ...
  #   puts AllocStats::HeapProfile.snapshot - earlier      # what was born in between and lives
  #   AllocStats::HeapProfile.stop.write("heap.html")
  #
  # Ruby's own objects lie in slots that malloc never sees: what is told here is what they keep outside of their slots.
  module HeapProfile
    autoload :AtExit, "allocstats/heap_profile/at_exit"
    autoload :Collapsed, "allocstats/heap_profile/collapsed"
    autoload :Estimate, "allocstats/heap_profile/estimate"
    autoload :Firefox, "allocstats/heap_profile/firefox"
    autoload :FlameGraph, "allocstats/heap_profile/flame_graph"
    autoload :Frame, "allocstats/heap_profile/frame"
    autoload :Gperftools, "allocstats/heap_profile/gperftools"
    autoload :Names, "allocstats/heap_profile/names"
    autoload :Owner, "allocstats/heap_profile/owner"
    autoload :Pprof, "allocstats/heap_profile/pprof"
    autoload :Protobuf, "allocstats/heap_profile/protobuf"
    autoload :Row, "allocstats/heap_profile/row"
    autoload :Snapshot, "allocstats/heap_profile/snapshot"
    autoload :Speedscope, "allocstats/heap_profile/speedscope"
    autoload :Stack, "allocstats/heap_profile/stack"
    autoload :Table, "allocstats/heap_profile/table"

    # Bytes between two samples in the mean: the cost of one is not felt, and ten megabytes are told to a fifth.
    INTERVAL = 512 * 1024
    INTERVALS = (1..1 << 40)

    # Live samples that are kept, 24 bytes each; those of 128 GB at INTERVAL.
    LIMIT = 1 << 18
    LIMITS = (1..1 << 22)

    class << self
      # @param interval [Integer] bytes between two samples in the mean, a terabyte at most
      # @param limit [Integer] of live samples; what does not fit is counted in Snapshot#dropped
      # @raise [InvalidValue, Unsupported]
      # @raise [Error] where a profile is on already
      def start(interval: INTERVAL, limit: LIMIT)
        Native.begin(*checked(interval, limit))
        self
      end

      # @return [Snapshot] the last one
      # @raise [Error] where none is on
      def stop
        demand_profile
        Native.ending { take }
      end

      # What is alive and what was born since the profile began. Some milliseconds, of which those with a lock that
      # a sample waits for are few.
      # @return [Snapshot]
      # @raise [Error] where none is on
      def snapshot
        demand_profile
        take
      end

      def running? = Native.on?

      # Profiles a block.
      # @return [Snapshot] as the block ended, with what it answered as `value`
      def around(interval: INTERVAL, limit: LIMIT)
        Native.around(*checked(interval, limit)) do
          value = yield
          take(value)
        end
      end

      # How many slots of how many loaded objects lead here, and what was left alone.
      # @return [Hash{Symbol => Integer}]
      def redirection = Native.redirection

      private

      def checked(interval, limit)
        Ractors.demand_main(:heap_profile)
        [within(:interval, interval, INTERVALS, "bytes"), within(:limit, limit, LIMITS, "samples")]
      end

      def within(name, value, range, unit)
        return value if value.is_a?(Integer) && range.cover?(value)

        raise InvalidValue, "#{name} is a number of #{unit} from #{range.begin} to #{range.end}, not #{value.inspect[0, 80]}"
      end

      def demand_profile
        Ractors.demand_main(:heap_profile)
        raise Error, "no heap profile is on: AllocStats::HeapProfile.start begins one" unless Native.on?
      end

      def take(value = nil)
        copy = Native.copy
        @names = Names.new(copy[:serial]) unless @names&.serial == copy[:serial]
        Snapshot.of(copy, @names, value)
      end
    end
  end
end
