# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # One line a stack: frames from the outermost in, with semicolons between, and bytes. What flamegraph.pl, inferno and
    # speedscope read.
    module Collapsed
      module_function

      def of(snapshot, of: :live)
        lines = snapshot.rows.filter_map do |row|
          bytes = row.public_send(of).to_i
          "#{row.name.path.map { |frame| frame.to_s.tr(";\n", ":?") }.join(";")} #{bytes}\n" if bytes.positive?
        end
        lines.join
      end
    end
  end
end
