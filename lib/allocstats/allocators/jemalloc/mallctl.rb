# frozen_string_literal: true

module AllocStats
  # jemalloc's native API: its mallctl namespace, typed and checked. The extension finds and calls the names; here is
  # what is said of them. AllocStats.mallctl and its relatives are the way in.
  module Allocators::Jemalloc::Mallctl
    # A name, by AllocStats.mallctls:
    # - `type` (String) as in jemalloc's manual: "size_t"; of "unsigned, void *" the first is read, the second given
    # - `access` (Symbol) what calls there are:
    #   :read; :read_write; :read_or_write (not both in one call of jemalloc's); :write (a value is needed);
    #   :act (takes no value: naming it does it); :act_or_write (either); :make (makes something and answers its number);
    #   :make_from (the same, also with a value); :ask (answers to a value)
    # - `refused` (Symbol, nil) why it needs `unsafe: true`: :address, :hooks, :frees, :unchecked, :grows, :hangs,
    #   :experimental; of :make_from only with a value, of what :hangs only when it is written
    # - `needs` (String, nil) without what it is Unsupported
    Entry = Struct.new(:type, :access, :refused, :needs, keyword_init: true)

    class << self
      # @return [Hash{String => Entry}]
      def catalogue
        table.to_h { |name, type, _, access, refused, needs| [name, Entry.new(type: type, access: access, refused: refused, needs: needs).freeze] }
      end

      # What a name holds, or what it does.
      def read(name, type: nil, unsafe: false) = call(name, NOTHING, type, unsafe)

      # @return what was before
      def write(name, value) = call(name, value, nil, false)

      private

      def no_string(given) = raise(UnknownName, "a mallctl name is a String, not of #{given}")

      def not_jemalloc(name, running) = raise(Unsupported, "#{shown_name(name)} is of jemalloc's mallctl: #{running} runs this process")

      def unknown(name, nearest, unsafe)
        error = UnknownName.among("mallctl", shown_name(name), [nearest].compact)
        raise error unless unsafe
        raise UnknownName, "#{error.message}; a name that AllocStats.mallctls has not needs a type: as well"
      end

      def unknown_type(name, type, known)
        raise InvalidValue, "#{shown_name(name)} cannot be of the type #{shown(type)}: what AllocStats.mallctls has not can be #{known.join(", ")}"
      end

      def outside(name) = raise(Refused, "#{shown_name(name)} is refused: AllocStats.mallctls has it not, so nothing is known of what it does; unsafe: true calls it")

      def other_type(name, type, own) = raise(InvalidValue, "#{name} is of the type #{own}, not #{shown(type)}")

      def refused(name, reason) = raise(Refused, "#{name} is refused: #{reason}; unsafe: true calls it all the same")

      def structure(name) = raise(Unsupported, "#{name} exchanges a structure of C, for which there is no value in Ruby")

      def needs_value(name, fits) = raise(InvalidValue, "#{name} cannot be read: it takes #{fitting(*fits)}")

      def read_only(name) = raise(ReadOnly, "#{name} can be read and not written")

      def takes_no_value(name) = raise(InvalidValue, "#{name} takes no value: it acts when it is called")

      def not_read(name) = raise(InvalidValue, "#{name} is not for reading: AllocStats.mallctl(#{name.inspect}) acts or needs a value")

      def invalid_value(name, value, fits) = raise(InvalidValue, "#{shown_name(name)} takes #{fitting(*fits)}; not #{shown(value)}")

      def index_missing(name, placeholder, limit)
        raise InvalidValue, "#{name} needs a number in the place of #{placeholder}: #{numbers(limit)}"
      end

      def index_beyond(name, index, limit) = raise(InvalidValue, "#{name}: #{shown(index)} is out of range, which is #{numbers(limit)}")

      def index_alone(name, limit) = raise(InvalidValue, "#{name} is of one arena at a time: #{numbers(limit)}")

      def index_idle(name, index)
        raise InvalidValue, "#{name}: no arena was destroyed yet" if index == 4097
        raise InvalidValue, "#{name}: arena #{index} is not in use (arena.#{index}.initialized is false)"
      end

      def absent(name, version, origin) = raise(Unsupported, "jemalloc #{version} has no #{shown_name(name)}#{", #{origin}" if origin}")

      def unmet(name, version, needs)
        raise Unsupported, "jemalloc #{version} does not answer #{shown_name(name)}#{" here: it needs #{needs}" if needs}"
      end

      def declined_value(name, value, error, fits)
        raise InvalidValue, "jemalloc did not take #{shown(value)} for #{shown_name(name)} (#{error_name(error)}): it takes #{fitting(*fits)}"
      end

      def declined(name, error) = raise(Error, "jemalloc could not do #{shown_name(name)} (#{error_name(error)})")

      def fitting(kind, range, remark)
        case kind
        when :boolean then "true or false"
        when :string then "a String of at most #{range.end} bytes without NUL#{remark}"
        else "an Integer from #{range.begin} to #{range.end}#{remark}"
        end
      end

      def numbers(limit) = limit.zero? ? "none" : "0 to #{limit - 1}"

      def error_name(error) = SystemCallError.new(nil, error).class.name.delete_prefix("Errno::")

      # Whatever bytes were given as a name, as text.
      def shown_name(name) = name.byteslice(0, 80).force_encoding(Encoding::UTF_8).scrub

      # User code must not run here: only what Ruby itself shows.
      def shown(value)
        case value
        when true, false, nil, Float, Symbol then value.inspect[0, 80]
        when Integer then (value.bit_length <= 128) ? value.to_s : "an Integer of #{value.bit_length} bits"
        when String then value[0, 60].inspect
        else "a value of another class"
        end
      end
    end
  end
end
