# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc
    # mimalloc's options, under the names of mi_option_t in the running version; the older and newer names of one option are
    # known as well (MiOption::SAME).
    module Options
      # One option of mi_option_t.
      class OfVersion < Allocators::Option
        def initialize(option)
          super(option.name)
          @option = option
        end

        def check(value) = described(@option, @option.unit, value, [:dangerous, :unknown])

        def value = @option.value

        def set(value) = @option.set(value)

        def fixed
          case @option.kind
          when :start then "#{name} is read when mimalloc starts"
          when :inert then "#{name} does nothing on Linux"
          end
        end

        # A size without a unit is one in bytes there, and one in KiB everywhere else.
        def line(value)
          [@option.variable, "#{value}#{"KiB" if @option.unit == :KiB}"] unless @option.kind == :inert
        end

        # Letters of either case, and the names that the option had before.
        def given?(environment, _value)
          variables = MiOption.names_of(name.name).map { |same| "mimalloc_#{same}" }
          environment.any? { |variable, _| variables.include?(variable.b.downcase) }
        end

        def remark(value, _before)
          return "acts on threads that begin from now on" if @option.kind == :new_threads
          "acts on memory that is taken from now on: #{line(value).join("=")} in the environment sets it for all" if name == :allow_thp
        end
      end

      module_function

      # @return [Option, nil] nil for what no version of mimalloc has
      # @raise [Unsupported] for what the running one has not
      def option(name)
        OfVersion.new(MiOption.fetch(name)) if known?(name) || names.any? { |running| running.name == name }
      end

      # The option as it is for a process that is yet to start, of which only line and given? are asked.
      # @return [Option, nil] nil for what that version has not
      def starting(name, version)
        MiOption.in_version(name, version)&.then { |option| OfVersion.new(option) }
      end

      def known?(name)
        MiOption::KNOWN.key?(name) || MiOption::SAME.any? { |names| names.include?(name) }
      end

      def names
        MiOption.all.keys
      end

      def usual
        %i[purge_delay decommit_delay segment_decommit_delay arena_purge_mult arena_purge_min_size minimal_purge_size purge_decommits
          page_reclaim_on_free page_full_retain allow_thp] & names
      end
    end
  end
end
