# frozen_string_literal: true

require "test_helper"
require "open3"
require "stringio"

# --help is what the options are; the manual page and the completions of three shells have to say the same.
class CommandHelpTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)
  PAGE = "#{ROOT}/man/allocstats.1"
  COMMANDS = [*AllocStats::Command::LIST.map { |entry| [entry.name] }, %w[bench app]].freeze

  def help(command)
    out = StringIO.new
    assert_equal 0, AllocStats::Command.run([*command, "--help"], stdout: out, stderr: out), out.string
    out.string
  end

  # Every option of a command as --help lists it: ["-a", "--allocator", ...]
  def options(command)
    named = help(command).lines.grep(/\A {4,8}-/).flat_map { |line| line.strip.split(/ {2,}/).first.scan(/(?<![\w-])--?[\w\[\]-]+/) }
    named.flat_map { |option| option.start_with?("--[no-]") ? [option.sub("[no-]", ""), option.sub("[no-]", "no-")] : [option] }
  end

  def have(program)
    skip "#{program} is not on this machine" unless ENV["PATH"].split(":").any? { |folder| File.executable?("#{folder}/#{program}") }
  end

  def run!(*command, stdin: "")
    output, status = Open3.capture2e(*command, stdin_data: stdin)
    assert status.success?, "#{command.join(" ")}: #{output}"
    output
  end

  def test_every_command_has_help
    COMMANDS.each do |command|
      text = help(command)
      assert_match(/\AUsage: allocstats #{command.join(" ")}/, text)
      assert_includes options(command), "--help"
      text.lines.each { |line| assert_operator line.chomp.size, :<=, 120, "#{command}: #{line}" }
    end
  end

  def test_each_option_has_one_letter_at_most_one_meaning
    COMMANDS.each { |command| assert_equal options(command).uniq, options(command), command.join(" ") }
  end

  # The options of a section of the page, as `.It Fl a , Fl -allocator Ar name` has them.
  def options_in_page(command)
    section = File.read(PAGE)[/^\.Ss #{command.join(" ")}\n(.*?)(?=^\.S[sh])/m, 1]
    section.lines.grep(/^\.It Fl/).flat_map { |line| line.scan(/Fl (\S+)/).flatten.map { |name| "-#{name}" } }
  end

  def test_the_page_has_every_option_and_no_other
    shared = {%w[env] => options_in_page(%w[exec]) - ["-o", "--only", "--heap-profile"], %w[bench app] => options_in_page(%w[bench])}
    COMMANDS.each do |command|
      page = options_in_page(command) | shared.fetch(command, [])
      assert_equal (options(command) - ["-h", "--help"]).sort, page.sort, command.join(" ")
    end
  end

  def test_the_page_is_sound
    have("mandoc")
    output, = Open3.capture2({"LC_ALL" => "C"}, "mandoc", "-T", "lint", PAGE, err: File::NULL)
    said = output.lines.grep_v(/referenced manual not found/) # of pages that this machine may not have
    assert_empty said
    assert_match(/\AALLOCSTATS\(1\)/, run!("mandoc", "-T", "ascii", PAGE))
  end

  # What a shell offers for words, the last of which is being typed.
  def offered_by_bash(*words)
    script = <<~'SH'
      source "$1"; shift
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      _allocstats
      printf '%s\n' "${COMPREPLY[@]}"
    SH
    run!("bash", "--norc", "-c", script, "-", "#{ROOT}/completion/allocstats.bash", *words).split("\n")
  end

  def offered_by_fish(*words)
    line = words.map { |word| word.empty? ? "" : "'#{word}'" }.join(" ")
    run!({"HOME" => "/nonexistent"}, "fish", "--no-config", "-c", "source #{ROOT}/completion/allocstats.fish; complete -C \"#{line}\"").lines.map { |row| row.split("\t").first.chomp }
  end

  # zsh completes at a prompt alone: one is made in a terminal, and what would be added is caught from compadd.
  ZSHRC = <<~SH
    PROMPT=
    unset zle_bracketed_paste
    fpath=($COMPLETION $fpath)
    autoload -U compinit
    compinit -D -u
    compadd() {
      local -a found
      builtin compadd -O found "$@"
      (( $#found )) && print -rl -- "offered:"${^found}
      builtin compadd "$@"
    }
    show() {
      _main_complete
      print all offered
      compstate[insert]= compstate[list]=
    }
    zle -C show complete-word show
    bindkey "^I" show
    zle-line-init() { print ready }
    zle -N zle-line-init
  SH
  AT_THE_PROMPT = <<~'SH'
    zmodload zsh/zpty
    zpty -b z zsh -d -i
    zpty -r -m z out '*ready*'
    zpty -w -n z "$LINE"$'\t'
    zpty -r -m z out '*all offered*'
    print -r -- "$out"
    zpty -d z
  SH

  def offered_by_zsh(*words)
    Dir.mktmpdir("allocstats-zsh") do |folder|
      File.write("#{folder}/.zshrc", ZSHRC)
      environment = {"COMPLETION" => "#{ROOT}/completion", "LINE" => words.join(" "), "TERM" => "dumb", "ZDOTDIR" => folder}
      output, = Open3.capture2e(environment, "timeout", "30", "zsh", "-f", stdin_data: AT_THE_PROMPT)
      output.delete("\r").scan(/offered:(.*)$/).flatten.uniq
    end
  end

  SHELLS = {"bash" => :offered_by_bash, "fish" => :offered_by_fish, "zsh" => :offered_by_zsh}.freeze

  SHELLS.each do |shell, offered|
    define_method("test_#{shell}_offers_what_there_is") do
      have(shell)
      names = AllocStats::Command::LIST.map(&:name)
      assert_equal names.sort, (send(offered, "allocstats", "") & names).sort
      COMMANDS.each do |command|
        long = options(command).grep(/\A--/).sort
        assert_equal long, send(offered, "allocstats", *command, "--").grep(/\A--\w/).uniq.sort, command.join(" ")
      end
    end

    define_method("test_#{shell}_offers_values") do
      have(shell)
      assert_equal ["jemalloc"], send(offered, "allocstats", "exec", "--allocator", "je")
      assert_equal AllocStats::Command::Top::Row::SORTS.keys.map(&:to_s).sort, send(offered, "allocstats", "top", "--sort", "").sort
      assert_equal AllocStats::Tuner::Profiles::NAMES.map(&:to_s).sort, send(offered, "allocstats", "exec", "--profile", "").sort
      assert_includes send(offered, "allocstats", "bench", ""), "app"
      [%w[exec setsi], %w[exec -a jemalloc setsi], %w[exec --profile balanced -- setsi], %w[env setsi]].each do |words|
        assert_equal ["setsid"], send(offered, "allocstats", *words).map(&:strip).uniq, words.join(" ")
      end
    end
  end

  def test_they_are_in_the_gem
    files = Gem::Specification.load("#{ROOT}/allocstats.gemspec").files
    %w[man/allocstats.1 completion/allocstats.bash completion/_allocstats completion/allocstats.fish].each { |path| assert_includes files, path }
  end

  def test_help_of_a_command_is_its_own
    AllocStats::Command::LIST.each do |entry|
      asked, own = [["help", entry.name], [entry.name, "--help"]].map { |arguments| StringIO.new.tap { |out| assert_equal 0, AllocStats::Command.run(arguments, stdout: out) }.string }

      assert_equal own, asked
      assert_includes asked, "allocstats #{entry.name}"
    end
    said = StringIO.new
    assert_equal AllocStats::Command::USAGE, AllocStats::Command.run(["help", "dctor"], stderr: said)
    assert_match(/there is no command "dctor"/, said.string)
  end
end
