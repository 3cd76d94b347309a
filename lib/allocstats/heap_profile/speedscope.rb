# frozen_string_literal: true

require "json"

module AllocStats
  module HeapProfile
    # The JSON of https://www.speedscope.app: what is alive and what was asked for, as two profiles of one file.
    module Speedscope
      SCHEMA = "https://www.speedscope.app/file-format-schema.json"

      module_function

      def of(snapshot)
        frames = Hash.new { |known, frame| known[frame] = known.size }
        profiles = {live: "live bytes", total: "allocated bytes"}.map { |of, name| profile(snapshot, of, name, frames) }
        JSON.generate(:$schema => SCHEMA, :exporter => "allocstats #{VERSION}", :name => "heap of process #{snapshot.pid}",
          :activeProfileIndex => 0, :shared => {frames: frames.keys.map { |frame| describe(frame) }}, :profiles => profiles)
      end

      def profile(snapshot, of, name, frames)
        rows = snapshot.rows.select { |row| row.public_send(of).to_i.positive? }
        weights = rows.map { |row| row.public_send(of).to_i }
        {type: "sampled", name: name, unit: "bytes", startValue: 0, endValue: weights.sum,
         samples: rows.map { |row| row.name.path.map { |frame| frames[frame] } }, weights: weights}
      end

      def describe(frame)
        {name: frame.label, file: frame.path, line: (frame.line if frame.path && frame.line.positive?)}.compact
      end

      private_class_method :profile, :describe
    end
  end
end
