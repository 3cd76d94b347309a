# frozen_string_literal: true

require "json"

module AllocStats
  module HeapProfile
    # The processed profile of https://profiler.firefox.com, one thread of it for what is alive and one for what was asked
    # for. Its tables are columns, and what is the same twice is there once.
    class Firefox
      VERSION_OF_FORMAT = 28
      META = {
        version: VERSION_OF_FORMAT, preprocessedProfileVersion: 47, interval: 1, processType: 0, product: "Ruby",
        stackwalk: 1, symbolicated: true, markerSchema: [], sampleUnits: {time: "ms", eventDelay: "ms", threadCPUDelta: "µs"},
        categories: [{name: "Ruby", color: "red", subcategories: ["Other"]}, {name: "C", color: "blue", subcategories: ["Other"]}]
      }.freeze
      RUBY = 0
      C = 1

      def self.of(snapshot)
        threads = {live: "live bytes", total: "allocated bytes"}.each_with_index.map { |(of, name), id| new(snapshot, of, name, id).thread }
        JSON.generate(meta: META.merge(startTime: snapshot.time.to_f * 1000), libs: [], threads: threads)
      end

      def initialize(snapshot, of, name, id)
        @snapshot = snapshot
        @of = of
        @name = name
        @id = id
        @strings = Hash.new { |known, text| known[text] = known.size }
        @functions = Hash.new { |known, key| known[key] = known.size }
        @frames = Hash.new { |known, key| known[key] = known.size }
        @stacks = Hash.new { |known, key| known[key] = known.size }
      end

      def thread
        samples = samples_table # it fills the others
        {
          name: @name, processType: "default", processName: "Ruby", isMainThread: @id.zero?, pid: @snapshot.pid.to_s, tid: @id,
          processStartupTime: 0, processShutdownTime: nil, registerTime: 0, unregisterTime: nil, pausedRanges: [],
          samples: samples, stackTable: stack_table, frameTable: frame_table, funcTable: function_table,
          resourceTable: {length: 0, lib: [], name: [], host: [], type: []},
          nativeSymbols: {length: 0, libIndex: [], address: [], name: [], functionSize: []},
          markers: {length: 0, category: [], data: [], endTime: [], name: [], phase: [], startTime: []},
          stringArray: @strings.keys
        }
      end

      private

      def samples_table
        rows = @snapshot.rows.select { |row| row.public_send(@of).to_i.positive? }
        {length: rows.size, weightType: "bytes", weight: rows.map { |row| row.public_send(@of).to_i },
         stack: rows.map { |row| stack_of(row.name) }, time: Array.new(rows.size, 0)}
      end

      def stack_of(stack)
        stack.path.reduce(nil) { |outer, frame| @stacks[[outer, @frames[frame]]] }
      end

      def stack_table
        {length: @stacks.size, prefix: @stacks.keys.map(&:first), frame: @stacks.keys.map(&:last),
         category: @stacks.keys.map { |_, frame| category(@frames.keys[frame]) }, subcategory: Array.new(@stacks.size, 0)}
      end

      def category(frame) = frame.first_line.zero? ? C : RUBY

      def frame_table
        frames = @frames.keys
        none = Array.new(frames.size)
        {length: frames.size, func: frames.map { |frame| @functions[[frame.label, frame.path, frame.first_line]] },
         line: frames.map { |frame| frame.line if frame.line.positive? }, column: none, category: frames.map { |frame| category(frame) },
         subcategory: none, address: Array.new(frames.size, -1), inlineDepth: Array.new(frames.size, 0), nativeSymbol: none,
         innerWindowID: none, implementation: none}
      end

      def function_table
        functions = @functions.keys
        none = Array.new(functions.size)
        {length: functions.size, name: functions.map { |label, _, _| @strings[label] }, isJS: Array.new(functions.size, false),
         relevantForJS: Array.new(functions.size, false), resource: Array.new(functions.size, -1),
         fileName: functions.map { |_, path, _| path && @strings[path] }, lineNumber: functions.map { |_, _, line| line if line.positive? }, columnNumber: none}
      end
    end
  end
end
