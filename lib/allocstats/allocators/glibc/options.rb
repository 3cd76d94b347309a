# frozen_string_literal: true

module AllocStats
  module Allocators::Glibc
    # The options of glibc's mallopt(3). glibc has nothing that reads them: what is in force is what was set through
    # AllocStats, or by the environment of the start.
    module Options
      # One option of mallopt.
      class OfMallopt < Allocators::Option
        def initialize(mallopt)
          super(mallopt.name)
          @mallopt = mallopt
        end

        def check(value) = described(@mallopt, :count, value)

        def value = @mallopt.setting.value

        def set(value) = @mallopt.set(value)

        # glibc's own default has no number that could be set again.
        def restore(state)
          set(state) if state
        end

        def fixed
          "#{name} is ignored by glibc" if @mallopt.kind == :inert
        end

        def line(value)
          return if @mallopt.kind == :inert
          @mallopt.variable ? [@mallopt.variable, value.to_s] : [Tunables::VARIABLE, "#{@mallopt.tunable}=#{value}"]
        end

        # GLIBC_TUNABLES goes before the variable.
        def given?(environment, _value)
          !Tunables.new(environment)[@mallopt.tunable].nil?
        end

        def remark(value, before)
          return unless name == :arena_max
          kept = before ? "; the limit of #{before} stays if an arena was made under it" : ""
          "no arenas are made beyond #{value}, and those that there are stay#{kept}: #{line(value).join("=")} in the environment holds from the start"
        end
      end

      module_function

      # @return [Option, nil] nil for what mallopt has not
      def option(name)
        OfMallopt.new(Mallopt.fetch(name)) if known?(name)
      end

      # The option as it is for a process that is yet to start, of which only line and given? are asked.
      # @return [Option, nil] nil for what that version has not
      def starting(name, _version)
        option(name)
      end

      def known?(name)
        names.any? { |known| known.name == name }
      end

      def names
        Mallopt.all.keys
      end

      def usual
        %i[arena_max trim_threshold mmap_threshold top_pad]
      end
    end
  end
end
