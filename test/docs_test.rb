# frozen_string_literal: true

require "test_helper"
require "rack/mock"
require "ripper"
require "stringio"
require "yaml"

# What the documents show is what there is: snippets of Ruby, YAML and JSON are read by their parsers, every option of the
# command exists, and the recipes run as far as they can on this machine.
class DocsTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)
  DOCUMENTS = ["README.md", *Dir.glob("docs/*.md", base: ROOT)].sort.freeze
  PROGRAM = "#{ROOT}/exe/allocstats"

  # language, text and the document of a fenced block; blocks in lists are indented.
  Block = Struct.new(:document, :language, :text)

  def blocks(*documents, language: nil)
    documents = DOCUMENTS if documents.empty?
    documents.flat_map { |document|
      File.read("#{ROOT}/#{document}", encoding: "UTF-8").scan(/^( *)```(\w*)\n(.*?)^\1```$/m).map { |indent, name, text| Block.new(document, name, text.gsub(/^#{indent}/, "")) }
    }.select { |block| language.nil? || block.language == language }
  end

  def test_ruby_parses
    snippets = blocks(language: "ruby")
    assert_operator snippets.size, :>, 10
    snippets.each do |block|
      text = block.text.gsub("...", "nil") # what is left out
      assert Ripper.sexp(text) || Ripper.sexp("call(#{text})"), "#{block.document}:\n#{block.text}" # or arguments alone
    end
  end

  def test_yaml_parses
    snippets = blocks(language: "yaml")
    assert_operator snippets.size, :>, 1
    snippets.each { |block| assert YAML.parse_stream(block.text, filename: block.document).children.any?, block.text }
  end

  def test_json_parses
    blocks(language: "json").each { |block| assert JSON.parse(block.text), block.text }
  end

  # Every call of the command in a document, as the words behind its name, up to those of the command that it is to run.
  def calls
    DOCUMENTS.flat_map do |document|
      text = File.read("#{ROOT}/#{document}", encoding: "UTF-8").gsub(/["\[\],]+\s*/, " ")
      text.scan(/\ballocstats ((?:#{AllocStats::Command::LIST.map(&:name).join("|")})\b[^\n`)]*)/).map { |(rest)| [document, rest.split(/ -- | --$|[;|&#]/).first.split] }
    end
  end

  def options(command)
    out = StringIO.new
    AllocStats::Command.run([*command, "--help"], stdout: out, stderr: out)
    out.string.scan(/(?<![\w-])--?[a-z1][\w-]*/)
  end

  def test_options_of_the_command_exist
    assert_operator calls.size, :>, 20
    known = Hash.new { |hash, command| hash[command] = options(command) }
    calls.each do |document, words|
      command = (words.first(2) == %w[bench app]) ? words.first(2) : words.first(1)
      words.grep(/\A--?[a-z]/).each { |option| assert_includes known[command], option[/\A[^=]+/], "#{document}: allocstats #{words.join(" ")}" }
    end
  end

  # Runs a line of a recipe in a shell, with the programs that it names replaced: the command by that of the checkout, and
  # what it is to start by a Ruby that says what it runs under.
  def run_recipe(line, env: {}, starts: "puma|sidekiq|rails")
    says = %(#{RbConfig.ruby} -I#{ROOT}/lib -rallocstats -e 'print AllocStats.allocator.name, " ", ENV.to_h.slice("MALLOC_CONF").size')
    line = line.sub("bundle exec ", "").sub(/\ballocstats /, "#{RbConfig.ruby} -I#{ROOT}/lib #{PROGRAM} ").sub(/(?<= -- )(#{starts})\b.*/m) { says }
    ChildProcess.command("sh", "-c", line, env: env, check: false)
  end

  def need_jemalloc
    skip "there is no jemalloc to preload on this machine" unless AllocStats::Launch.libraries.any? { |library| library.name == :jemalloc }
  end

  def test_lines_of_procfiles
    need_jemalloc
    lines = blocks("docs/heroku.md", "docs/sidekiq.md", "docs/solid_queue.md", language: "").flat_map { |block| block.text.scan(/^\w+: (.*allocstats exec.*)$/).flatten }
    assert_operator lines.size, :>=, 4
    lines.grep(/--allocator jemalloc --profile low_memory/).each { |line| assert_equal "jemalloc 1", run_recipe(line, starts: "puma|sidekiq|bin/jobs").stdout, line }
  end

  # From the buildpacks: the variable stays, true and false, and a library in LD_PRELOAD gives way.
  def test_the_buildpacks_variables
    need_jemalloc
    line = blocks("docs/heroku.md").flat_map { |block| block.text.scan(/^web: (.*allocstats exec -- .*)$/).flatten }.fetch(0)
    preloaded = TestAllocators["mimalloc-2.0.9"]
    env = {"LD_PRELOAD" => preloaded.path}.compact
    assert_equal "jemalloc 0", run_recipe(line, env: {"JEMALLOC_ENABLED" => "true", **env}).stdout
    assert_equal "#{TestAllocators["glibc"].name} 0", run_recipe(line, env: {"JEMALLOC_ENABLED" => "false", **env}).stdout
  end

  INSTRUCTIONS = %w[FROM RUN WORKDIR COPY ENV ENTRYPOINT CMD].freeze

  def test_dockerfiles
    need_jemalloc
    files = blocks("docs/docker.md", language: "dockerfile")
    assert_operator files.size, :>=, 4
    files.each { |block| block.text.lines.grep(/\S/).each { |line| assert_includes INSTRUCTIONS, line.split.first, line } }
    entries = files.filter_map { |block| block.text[/^ENTRYPOINT (.*)$/, 1] }
    assert_equal 3, entries.size
    entries.each { |entry| assert_equal "jemalloc", run_recipe("#{JSON.parse(entry).join(" ")} puma").stdout.split.first, entry }
  end

  def test_the_manifest_of_kubernetes
    manifest = YAML.safe_load(blocks("docs/kubernetes.md", language: "yaml").first.text)
    container = manifest.dig("spec", "template", "spec", "containers", 0)
    endpoint = AllocStats::Rack::Endpoint.new(environment: "production")
    probes = %w[startupProbe livenessProbe readinessProbe].map { |name| container.dig(name, "httpGet", "path") }
    probes.each { |path| assert_equal 200, Rack::MockRequest.new(endpoint).get(path.delete_prefix("/allocator"), "REMOTE_ADDR" => "10.0.0.7").status, path }
    assert_equal "live", File.basename(probes[1]), "memory is no part of it"
    assert_empty container["env"].map { |variable| variable["name"] } - %w[ALLOCSTATS_ALLOCATOR ALLOCSTATS_PROFILE ALLOCSTATS_TOKEN]
    assert_includes AllocStats::Tuner::Profiles::NAMES.map(&:to_s), container["env"][1]["value"]
    assert_equal %w[bundle exec allocstats exec --], container["command"]
  end

  def test_the_unit_of_systemd
    skip "systemd-analyze is not on this machine" unless system("systemd-analyze", "--version", out: File::NULL, err: File::NULL)
    Dir.mktmpdir("allocstats-unit") do |folder|
      unit = blocks("docs/systemd.md", language: "ini").first.text.sub("/usr/bin/bundle", "/bin/sh").sub("WorkingDirectory=/srv/app/current", "WorkingDirectory=#{folder}").sub("User=deploy", "User=root")
      File.write("#{folder}/web.service", unit)
      result = ChildProcess.command("systemd-analyze", "verify", "--man=no", "#{folder}/web.service", check: false)
      assert_empty result.stderr.lines.grep(/web\.service/), unit
    end
  end

  def test_the_script_in_passengers_place
    need_jemalloc
    script = blocks("docs/passenger.md", language: "sh").first.text
    Dir.mktmpdir("allocstats-script") do |folder|
      File.write("#{folder}/allocstats", "#!/bin/sh\nexec #{RbConfig.ruby} -I#{ROOT}/lib #{PROGRAM} \"$@\"\n", perm: 0o755)
      File.write("#{folder}/ruby", script.sub("/usr/local/bin/allocstats", "#{folder}/allocstats").sub("/usr/bin/ruby", RbConfig.ruby), perm: 0o755)
      odd = ["a b", "'\"", "line\nline", "", "$HOME"]
      result = ChildProcess.command("#{folder}/ruby", "-I#{ROOT}/lib", "-rallocstats", "-rjson", "-e", "print JSON.generate([AllocStats.allocator.name, ARGV])", *odd)
      assert_equal ["jemalloc", odd], JSON.parse(result.stdout)
    end
  end

  def test_a_process_of_passengers_is_not_started_again
    result = ChildProcess.ruby('module PhusionPassenger; end; require "allocstats/preload"; 1', require: [], env: {"ALLOCSTATS_ALLOCATOR" => "jemalloc"})
    assert_equal 1, result.value
    assert_match(/Passenger talks to this process already/, result.stderr)
  end
end
