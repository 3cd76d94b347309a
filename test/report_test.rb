# frozen_string_literal: true

require "test_helper"
require "pty"
require "io/wait"

class ReportTest < Minitest::Test
  # Answers what the facade answers, but for the parts that are given: a value, or an error to raise.
  class Source
    def initialize(**parts) = @parts = parts

    AllocStats::Report::PARTS.each do |part|
      define_method(part) do
        return AllocStats.public_send(part) unless @parts.key?(part)

        @parts[part].is_a?(Exception) ? raise(@parts[part]) : @parts[part]
      end
    end
  end

  Allocator = Struct.new(:title, :verdict, :verdict_sentence, :evidence)
  Layer = Struct.new(:name, :bytes, :definition)
  Ledger = Struct.new(:rss, :layers, :reasons)
  Limit = Struct.new(:bytes, :source)
  Group = Struct.new(:usage, :reasons)
  Memory = Struct.new(:rss, :pss, :uss, :swap, :limit, :cgroup, :reasons)

  MIB = 1 << 20

  def page(unicode: true, colour: false, **parts)
    AllocStats::Formats::Text.new(AllocStats::Report.new(Source.new(**parts)), unicode: unicode, colour: colour).to_s
  end

  def memory(usage: 256 * MIB, limit: 512 * MIB)
    Memory.new(200 * MIB, 150 * MIB, 100 * MIB, 0, limit && Limit.new(limit, "memory.max of /shop"), Group.new(usage, {}), {})
  end

  def test_begins_with_the_verdict
    assert_equal AllocStats.allocator.verdict_sentence, AllocStats.report.to_s.lines.first.chomp
  end

  def test_holds_the_readings_of_the_facade
    report = AllocStats.report

    assert_equal({}, report.absent)
    assert_equal AllocStats.allocator.to_h, report.to_h[:allocator]
    assert_equal AllocStats.figures.keys, report.to_h[:sample].keys
    assert_in_delta AllocStats.memory.rss, report.to_h[:memory][:rss], 16 * MIB
    assert_equal report.ledger.rss, report.to_h[:ledger][:layers].values.compact.sum
  end

  def test_memory_and_ledger_are_of_one_pass
    report = AllocStats.report
    assert_equal report.memory.rss, report.ledger.rss
  end

  def test_stays_within_a_hundred_columns_under_every_allocator
    TestAllocators.each do |entry|
      next if entry.missing

      text = ChildProcess.ruby("AllocStats.report.to_s", allocator: entry, env: {"LANG" => "C.UTF-8"}).value

      assert text.start_with?("#{entry.name} #{entry.version} owns all of malloc"), text
      assert_operator text.lines.map { |line| line.chomp.length }.max, :<=, 100, text
      assert_equal text.lines.map(&:rstrip), text.lines.map(&:chomp), "no blanks at the ends of lines"
    end
  end

  def test_draws_each_layer_in_proportion
    layers = [Layer.new(:malloc_live, 150 * MIB, ""), Layer.new(:stacks, 50 * MIB, ""), Layer.new(:jit, 0, ""), Layer.new(:other, nil, "")]
    text = page(ledger: Ledger.new(200 * MIB, layers, {other: "it was not told"}))

    assert_match(/^  malloc live +150\.0 MiB +75\.0 %  █{37}▌$/, text)
    assert_match(/^  stacks +50\.0 MiB +25\.0 %  █{12}▌$/, text)
    assert_match(/^  other +not known$/, text)
    assert_match(/^  resident +200\.0 MiB$/, text)
    assert_match(/• other: it was not told$/, text)
    refute_match(/jit/, text)
  end

  def test_shows_how_near_the_limit_is
    text = page(memory: memory)

    assert_match(/^  limit +512\.0 MiB  memory\.max of \/shop$/, text)
    assert_match(/^  used by its group +256\.0 MiB +50\.0 %  █{25}░{25}$/, text)
  end

  def test_near_the_limit_it_is_not_calm
    calm, alarm = "\e[36m█", "\e[1;33m█"

    assert_includes page(memory: memory(usage: 460 * MIB), colour: true).lines.find { |line| line.include?("used by") }, calm
    assert_includes page(memory: memory(usage: 462 * MIB), colour: true).lines.find { |line| line.include?("used by") }, alarm
    assert_match(/used by its group +600\.0 MiB  117\.2 %  █{50}$/, page(memory: memory(usage: 600 * MIB)))
  end

  def test_without_a_limit_or_a_group_there_is_no_line_of_it
    refute_match(/^  limit|used by/, page(memory: memory(limit: nil)))
    assert_match(/^  used by the process +200\.0 MiB +39\.1 %/, page(memory: memory(usage: nil)))
  end

  def test_a_process_whose_memory_cannot_be_read_has_its_limit_and_the_reason
    unread = Memory.new(nil, nil, nil, nil, Limit.new(512 * MIB, "memory.max"), Group.new(nil, {usage: "no memory.stat"}), {rss: "smaps cannot be read", pss: "smaps cannot be read", kinds: "none"})
    text = page(memory: unread, ledger: Ledger.new(nil, [], {rss: "smaps cannot be read"}))

    assert_match(/^  limit +512\.0 MiB  memory\.max$/, text)
    assert_match(/• rss, pss: smaps cannot be read$/, text)
    assert_match(/• control group's usage: no memory\.stat$/, text)
    refute_match(/Where the resident memory is/, text)
  end

  def test_what_is_absent_has_its_reason_and_costs_nothing_else
    AllocStats::Report::PARTS.each do |part|
      text = page(part => AllocStats::Unsupported.new("there is no such thing here"))

      assert_match(/• #{part.to_s.tr("_", " ")}: there is no such thing here/, text)
      assert_includes text, "pid #{Process.pid}"
    end
    assert_match(/ledger: broken \(RuntimeError\)/, page(ledger: RuntimeError.new("broken\nin two lines")))
  end

  def test_with_every_part_absent_it_is_still_a_page
    report = AllocStats::Report.new(Source.new(**AllocStats::Report::PARTS.to_h { |part| [part, AllocStats::Unsupported.new("not here")] }))

    assert report.to_s.start_with?("Who owns malloc could not be found out.\n")
    assert_match(/allocator, sample, memory, ledger, private heap: not here/, report.to_s)
    assert_equal AllocStats::Report::PARTS.to_h { |part| [part, "not here"] }, report.to_h[:absent]
    assert_equal [nil] * 5, report.to_h.values_at(*AllocStats::Report::PARTS)
    assert_equal [nil] * 5, JSON.parse(AllocStats::Formats::Json.generate(report)).values_at(*AllocStats::Report::PARTS.map(&:to_s))
  end

  def test_figures_that_were_not_measured_are_named_and_not_shown_as_numbers
    absent = AllocStats.figures.keys.select { |name| AllocStats.sample[name].nil? }
    skip "this allocator measures everything" if absent.empty?
    list = AllocStats.report.to_s[/does not measure, or not cheaply: (.*?)(?:\n  [•*]|\n\n|\z)/m, 1].gsub(/\s+/, " ").strip

    assert_equal absent.map { |name| name.to_s.tr("_", " ") }, list.split(", ")
  end

  def test_names_from_outside_neither_steer_the_terminal_nor_break_the_page
    odd = Allocator.new("odd", :unknown, "malloc belongs to /tmp/\e[31m\x00\xFF#{"x" * 300}\nand more, which allocstats does not know.", ["/tmp/\xC3\x28".b])
    text = page(allocator: odd)

    refute_match(/[\e\0]/, text)
    assert text.valid_encoding?
    assert_operator text.lines.map { |line| line.chomp.length }.max, :<=, 100
  end

  def test_is_ascii_where_the_locale_has_no_more
    text = ChildProcess.ruby("[AllocStats.report.to_s, AllocStats.report.inspect]", env: {"LANG" => "C", "LC_ALL" => "C"}).value

    assert text.all?(&:ascii_only?)
    assert_match(/^  resident/, text.first)
    assert_match(/#####/, text.first)
  end

  def test_is_plain_when_nothing_of_a_terminal_is_there
    refute_match(/\e/, ChildProcess.ruby("puts AllocStats.report.inspect, AllocStats.report").stdout)
  end

  def test_is_coloured_on_a_terminal_unless_the_person_wants_none
    show = "$stdout.puts AllocStats.report.inspect"

    assert_match(/\e\[32m/, on_terminal(show, "TERM" => "xterm", "NO_COLOR" => nil))
    assert_match(/\e\[32m/, on_terminal(show, "TERM" => "xterm", "NO_COLOR" => ""))
    refute_match(/\e/, on_terminal(show, "TERM" => "xterm", "NO_COLOR" => "1"))
    refute_match(/\e/, on_terminal(show, "TERM" => "dumb", "NO_COLOR" => nil))
    refute_match(/\e/, on_terminal("puts AllocStats.report", "TERM" => "xterm", "NO_COLOR" => nil))
  end

  # irb paints what it prints as Ruby code, words such as `for` and `in` among it, unless it is passed by.
  def test_a_console_shows_the_page_as_it_is
    code = 'require "irb"; require "irb/color_printer"; $stdout.puts IRB::ColorPrinter.pp(AllocStats.report, +"")'
    plain = on_terminal(code, "TERM" => "xterm", "NO_COLOR" => "1")
    coloured = on_terminal(code, "TERM" => "xterm", "NO_COLOR" => nil)

    assert_match(/^glibc .* owns all of malloc/, plain)
    assert_equal plain.lines.first, coloured.lines.first.gsub(/\e\[[\d;]*m/, "")
    assert_equal ["\e[32m", "\e[0m"], coloured.lines.first.scan(/\e\[[\d;]*m/)
  end

  private

  # What a program prints to a terminal; not what Ruby warns of there, such as that irb will be a gem.
  def on_terminal(code, env)
    environment = env.merge("RUBYOPT" => nil, "LANG" => "C.UTF-8", "LC_ALL" => "C.UTF-8")
    output, input, pid = PTY.spawn(environment, RbConfig.ruby, "-W0", "-I#{ChildProcess::LIB}", "-rallocstats", "-e", code)
    input.close
    text = +""
    begin
      text << output.readpartial(65_536) while output.wait_readable(30)
    rescue EOFError, Errno::EIO
      # The program has ended: Linux says so with EIO.
    end
    Process.wait(pid)
    text.force_encoding(Encoding::UTF_8).delete("\r")
  end
end
