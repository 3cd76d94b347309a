# frozen_string_literal: true

module AllocStats
  module Allocators::Jemalloc
    # jemalloc's options, under the names of its manual without the "opt." before them. Some have a counterpart that can be
    # set in a running process; the others are read when jemalloc starts.
    module Options
      # An option that jemalloc reads when it starts: opt.<name>.
      class AtStart < Allocators::Option
        RANGES = {
          "size_t" => 0..(2**64 - 1), "uint64_t" => 0..(2**64 - 1), "unsigned" => 0..(2**32 - 1), "uint32_t" => 0..(2**32 - 1),
          "ssize_t" => -2**63..(2**63 - 1), "int64_t" => -2**63..(2**63 - 1)
        }.freeze

        def initialize(name)
          super
          @type = Mallctl.catalogue.fetch("opt.#{name}").type
        end

        def check(value)
          case @type
          when "bool" then boolean(value)
          when "const char *" then word(value)
          else integer((name == :narenas) ? 1..4095 : RANGES.fetch(@type), value)
          end
        end

        def value
          Mallctl.read("opt.#{name}")
        end

        def fixed
          "#{name} is read when jemalloc starts"
        end

        def line(value)
          [Environment::VARIABLE, "#{name}:#{value}"] if Environment.reads?(name.name)
        end

        private

        def word(value)
          text = value.to_s if value.is_a?(String) || value.is_a?(Symbol)
          words = Environment::WORDS[name]
          return text if text && (words ? words.include?(text) : text.match?(/\A[[:print:]&&[^,]]+\z/))
          raise InvalidValue, "#{name} takes #{words ? words.join(", ") : "a text without commas"}; not #{Formats.shown(value)}"
        end
      end

      # What is set by writing one name of mallctl, for the whole process.
      class Switch < Allocators::Option
        def check(value) = boolean(value)

        def value = Mallctl.read(name.name)

        def set(value) = Mallctl.write(name.name, value)

        def line(value) = [Environment::VARIABLE, "#{name}:#{value}"]
      end

      class BackgroundThreads < Switch
        def check(value) = integer(1..Mallctl.read("opt.max_background_threads"), value, " (opt.max_background_threads)")
      end

      # What every arena has for itself. The arena of large blocks (opt.oversize_threshold) is left as it is: jemalloc
      # keeps nothing there.
      class OfArenas < Allocators::Option
        def line(value) = [Environment::VARIABLE, "#{name}:#{value}"]

        # An arena that was made since the state was taken has what is the default by then.
        def restore(state)
          set_default(state[:default])
          arenas.each { |index| state[:arenas].fetch(index, state[:default])&.then { |value| write(index, value) } }
        end

        def state
          {default: default, arenas: arenas.to_h { |index| [index, Mallctl.read("arena.#{index}.#{name}")] }}
        end

        private

        # The default first: an arena that is made meanwhile begins with it.
        def set_all(value)
          set_default(value)
          arenas.each { |index| write(index, value) }
        end

        def write(index, value) = Mallctl.write("arena.#{index}.#{name}", value)

        def arenas
          indices = (0...Mallctl.read("arenas.narenas")).to_a - [large_blocks]
          initialized = Mallctl.read_many(indices.map { |index| "arena.#{index}.initialized" })
          indices.select { |index| initialized["arena.#{index}.initialized"] }
        end

        # The arena after the automatic ones.
        def large_blocks
          Mallctl.read("opt.narenas") if Mallctl.read("opt.oversize_threshold").positive?
        end
      end

      # How long pages stay before they are given back: of the arenas there are, and of those that are made later.
      class Decay < OfArenas
        LONGEST = 18_446_744_072 * 1000

        def check(value) = integer(-1..LONGEST, value, " milliseconds, -1 for never")

        def value = Mallctl.read("arenas.#{name}")

        def set(value) = set_all(value)

        private

        alias_method :default, :value

        def set_default(value) = Mallctl.write("arenas.#{name}", value)
      end

      # The size from which a free range goes back at once. Where blocks of that size are put is another matter, which is
      # decided when jemalloc starts.
      class Oversize < OfArenas
        SMALLEST = 16 * 1024
        NEVER = 0x7000_0000_0000_0000 + 4096

        def check(value)
          return value if value == 0
          integer(SMALLEST...NEVER, value, " bytes, or 0 for never")
        end

        def value
          first = Mallctl.read("arena.0.oversize_threshold")
          (first >= NEVER) ? 0 : first
        end

        def set(value) = set_all((value == 0) ? NEVER : value)

        def remark(value, _before)
          "acts on what is freed in the arenas there are; where large blocks are put, and arenas made later, go by the start: #{line(value).join("=")}"
        end

        private

        # What arenas that are made later begin with cannot be changed.
        def default = nil

        def set_default(_value) = nil
      end

      # Whether this thread keeps freed blocks for itself.
      class ThreadCache < Allocators::Option
        def check(value) = boolean(value)

        def value = Mallctl.read("thread.tcache.enabled")

        def set(value) = Mallctl.write("thread.tcache.enabled", value)

        def line(value) = [Environment::VARIABLE, "tcache:#{value}"]

        def remark(value, _before)
          "holds for the thread that called: #{line(value).join("=")} in the environment sets it for all"
        end
      end

      # What the kinds above share: one key among those of MALLOC_CONF.
      module OfConf
        def given?(environment, _value)
          environment[Environment::VARIABLE].to_s.b.split(",").any? { |pair| pair.start_with?("#{name}:") }
        end
      end
      [AtStart, Switch, OfArenas, ThreadCache].each { |kind| kind.include(OfConf) }

      LIVE = {
        "dirty_decay_ms" => Decay, "muzzy_decay_ms" => Decay, "background_thread" => Switch,
        "max_background_threads" => BackgroundThreads, "oversize_threshold" => Oversize, "tcache" => ThreadCache
      }.freeze

      module_function

      # @return [Option, nil] nil for what no version of jemalloc has
      # @raise [Unsupported] for what the running one has not
      def option(name)
        return unless known?(name)
        LIVE.fetch(name, AtStart).new(name).tap(&:value)
      end

      # The option as it is for a process that is yet to start, of which only line and given? are asked.
      # @return [Option, nil] nil for what that version has not
      def starting(name, _version)
        LIVE.fetch(name, AtStart).new(name) if known?(name)
      end

      def known?(name)
        LIVE.key?(name) || Mallctl.catalogue.key?("opt.#{name}")
      end

      def names
        Mallctl.catalogue.keys.filter_map { |name| name.delete_prefix("opt.") if name.start_with?("opt.") }
      end

      # What there is to tune, for a sentence.
      def usual
        LIVE.keys
      end
    end
  end
end
