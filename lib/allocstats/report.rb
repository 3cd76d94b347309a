# frozen_string_literal: true

module AllocStats
  # What AllocStats knows of this process at one moment, for a person to read and for programs to take apart:
  #
  #   puts AllocStats.report             # the page, plain
  #   AllocStats.report                  # the same in a console, in colour where the terminal shows it
  #   AllocStats.report.to_h             # the same as numbers
  #
  # Taking one reads /proc/self/smaps, which is milliseconds in a large process. A part that cannot be read here is nil
  # and `absent` says why; it never costs the other parts.
  class Report
    # The parts of a snapshot that a report holds, by their names there and in the facade.
    PARTS = [:allocator, :sample, :memory, :ledger, :private_heap].freeze

    # When it was taken, as a Time.
    attr_reader :time
    # Facts about the process: pid, command, ruby_version, ruby_platform.
    attr_reader :process
    # Why a part is nil, by its name: {ledger: "/proc/self/smaps: Permission denied"}.
    attr_reader :absent
    attr_reader(*PARTS)

    # One reading of `source`. What cannot be had is nil, with the reason in `absent`.
    def self.read(source, part, absent)
      source.public_send(part)
    rescue Error => error
      absent[part] = error.message
      nil
    rescue => error
      absent[part] = "#{error.message[/.*/]} (#{error.class})"
      nil
    end

    # source:: answers each of PARTS; anything but a Snapshot is for tests
    def initialize(source = Snapshot.new)
      @time = Time.now
      @process = {pid: Process.pid, command: $PROGRAM_NAME.dup, ruby_version: RUBY_VERSION, ruby_platform: RUBY_PLATFORM}
      @absent = {}
      @allocator, @sample, @memory, @ledger, @private_heap = PARTS.map { |part| Report.read(source, part, @absent) }
    end

    # Hashes, arrays, strings, symbols and numbers only; every key is there each time.
    def to_h
      parts = PARTS.to_h { |part| [part, public_send(part)&.to_h] }
      {allocstats: VERSION, time: time, process: process, **parts, absent: absent}
    end

    # The page, without colour.
    def to_s = Formats::Text.new(self).to_s

    # The page as this process's own terminal shows it best.
    def inspect = Formats::Text.new(self, colour: Formats::Text.colour?($stdout)).to_s.chomp

    # Consoles print by way of PP, and their own PP paints text as if it were Ruby code: the page passes it by.
    def pretty_print(printer)
      PrettyPrint.instance_method(:text).bind_call(printer, inspect)
    end
  end
end
