# frozen_string_literal: true

module AllocStats
  module Command
    class Top
      # Rows as lines of text, in an order, below their heads and above what they sum to.
      class Table
        # By which column, and which way: what is largest comes first, but pids as they are counted.
        class Order
          attr_reader :column

          def initialize(column, reversed: false)
            @column = column
            @reversed = reversed
          end

          # The order after a key was pressed; nil where the key sorts nothing.
          def after(key)
            column = Row::SORTS.key(key) or return
            Order.new(column, reversed: (column == @column) ? !@reversed : false)
          end

          # What is not known comes last, whichever way; equals by their pids, so that lines do not jump.
          def sort(rows)
            known, unknown = rows.partition { |row| row[@column] }
            known.sort_by { |row| [rising? ? row[@column] : -row[@column], row.pid.to_i] } + unknown.sort_by { |row| row.pid.to_i }
          end

          private

          def rising? = (@column == :pid) ^ @reversed
        end

        BYTES = 11
        NAME = 6..24
        ALLOCATOR = 9..16

        # remarks:: sentences below the table
        def initialize(rows, order:, remarks: [])
          @rows = order.sort(rows)
          @order = order
          @remarks = remarks
          @name = width(:name, NAME)
          @allocator = width(:allocator, ALLOCATOR)
        end

        # @param height [Integer, nil] as many lines as there is room for; workers that do not fit are counted
        # @return [Array<String>]
        def lines(height: nil)
          shown = height ? @rows.first([height - 3 - @remarks.size, 1].max) : @rows
          hidden = @rows.size - shown.size
          [head, *shown.map { |row| line(row) }, *("... and #{hidden} more" if hidden.positive?), *(total if @rows.size > 1), *@remarks]
        end

        private

        def width(column, range)
          @rows.map { |row| row[column].to_s.size }.max.to_i.clamp(range)
        end

        def head
          figures = Row::FIGURES.map { |column| title(column).rjust(BYTES) }
          compose(["NAME".ljust(@name), title(:pid).rjust(8), "ALLOCATOR".ljust(@allocator), *figures])
        end

        # The column that it is sorted by is marked.
        def title(column) = "#{column.to_s.upcase}#{"*" if column == @order.column}"

        def line(row)
          compose([cell(row.name, @name), row.pid.to_s.rjust(8), cell(row.allocator || "-", @allocator), *quantities(row), row.remark.to_s])
        end

        # A sum of which a part is not known is not known. The dead count as nothing: they have given all back.
        def total
          sums = Row.new(**Row::FIGURES.to_h { |column| [column, sum(column)] })
          compose(["total".ljust(@name), " " * 8, " " * @allocator, *quantities(sums)])
        end

        def sum(column)
          values = @rows.reject { |row| row.remark == "gone" }.map { |row| row[column] }
          values.sum unless values.empty? || values.include?(nil)
        end

        def quantities(row)
          Row::FIGURES.map { |column| row[column] ? bytes(column, row[column]) : "-".rjust(BYTES) }
        end

        def bytes(column, value)
          text = Formats::Units.bytes(value)
          (column == :growth && value.positive?) ? "+#{text.strip}".rjust(BYTES) : text
        end

        def cell(text, width)
          ((text.size > width) ? "#{text[0, width - 1]}~" : text).ljust(width)
        end

        def compose(cells) = cells.join("  ").rstrip
      end
    end
  end
end
