# frozen_string_literal: true

require "test_helper"
require "fileutils"
require "open3"
require "support/command_line"
require "support/puma_server"
require "support/rails_app"

# require "allocstats/preload": the process that asks for it starts itself again.
class PreloadTest < Minitest::Test
  SAYS = "print [AllocStats.allocator.name, $0, ARGV, $stdin.read].inspect"

  def setup
    @entry = TestAllocators["jemalloc-5.3.0"]
    skip @entry.missing if @entry.missing
    @folder = Dir.mktmpdir("allocstats-preload")
  end

  def teardown
    FileUtils.rm_rf(@folder) if @folder
  end

  def env(entry = @entry, **more) = {"ALLOCSTATS_ALLOCATOR" => CommandLine.allocator(entry), **more.transform_keys(&:to_s)}

  # A program that begins with the line.
  def program(text, name: "program.rb")
    File.join(@folder, name).tap { |path| File.write(path, "require \"allocstats/preload\"\n#{text}\n") }
  end

  def ruby(*arguments, env: self.env, **options)
    ChildProcess.command(RbConfig.ruby, "-I#{ChildProcess::LIB}", *arguments, env: env, check: false, **options)
  end

  def assert_goes_on(reason, result, output: nil)
    assert_predicate result, :success?, result.stderr
    assert_match(/\Aallocstats: this process goes on under glibc [\d.]+ as it is: #{reason}\n\z/, result.stderr)
    assert_equal output, result.stdout if output
  end

  TestAllocators.each do |entry|
    define_method("test_the_process_runs_under_#{entry.key.gsub(/\W/, "_")}") do
      skip entry.missing if entry.missing
      result = ruby(program("print AllocStats.allocator.title, AllocStats.allocator.verdict"), env: env(entry))
      assert_equal ["#{entry.key.tr("-", " ")}sole", ""], [result.stdout, result.stderr]
    end

    define_method("test_the_profile_is_in_force_under_#{entry.key.gsub(/\W/, "_")}") do
      skip entry.missing if entry.missing
      result = ruby(program("require 'json'; tuning = AllocStats.tune(:balanced); puts JSON.generate([tuning.before, tuning.asked])"), env: env(entry, ALLOCSTATS_PROFILE: "balanced"))
      before, asked = JSON.parse(result.stdout)
      assert_equal asked, before
      assert_empty result.stderr
    end
  end

  def test_arguments_and_rubys_own_options
    odd = ["a b", "c\nd", "", "-e", "--", "\xFF".b]
    code = "print [$VERBOSE, $LOAD_PATH.include?('/odd folder'), defined?(Set).nil?, Encoding.default_internal.to_s, ARGV.map { |word| word.unpack1('H*') }, $0, __FILE__].inspect"
    path = program(code)
    result = ruby("-w", "-I", "/odd folder", "-rset", "-E", "UTF-8:ISO-8859-1", path, *odd)
    assert_equal [true, true, false, "ISO-8859-1", odd.map { |word| word.unpack1("H*") }, path, path].inspect, result.stdout
  end

  def test_RUBYOPT_stays
    result = ruby(program("print $VERBOSE, defined?(Set).nil?"), env: env(RUBYOPT: "-W2 -rset"))
    assert_equal "truefalse", result.stdout
  end

  def test_which_names_and_versions_the_running_one_answers_to
    version = @entry.version
    right = ["jemalloc", "jemalloc-#{version[/\A\d+/]}", "jemalloc-#{version[/\A\d+\.\d+/]}", "jemalloc-#{version}"]
    wrong = ["jemal", "jemalloc-", "jemalloc-#{version}0", "jemalloc-#{version}.1", "jemalloc-#{version[0]}.", "mimalloc-#{version}", "glibc", "libc"]
    running = ChildProcess.ruby("#{[*right, *wrong].inspect}.select { |asked| AllocStats::Launch::ReExec.send(:running?, asked) }", allocator: @entry).value
    assert_equal right, running
  end

  def test_one_line_programs_and_required_on_the_command_line
    assert_equal "jemalloc", ruby("-e", "require 'allocstats/preload'; print AllocStats.allocator.name").stdout
    assert_equal "jemalloc[\"x\"]", ruby("-rallocstats/preload", "-e", "print AllocStats.allocator.name, ARGV", "x").stdout
    assert_equal "jemalloc", ruby("-ne", "BEGIN { require 'allocstats/preload'; print AllocStats.allocator.name }").stdout
  end

  def test_standard_input_and_other_descriptors
    path = program("print [AllocStats.allocator.name, $stdin.read, IO.for_fd(9).read].inspect")
    output, = Open3.capture2(env, "sh", "-c", "exec 9</dev/null; #{Shellwords.join([RbConfig.ruby, "-I#{ChildProcess::LIB}", path])}", stdin_data: "typed")
    assert_equal [:jemalloc, "typed", ""].inspect, output
  end

  def test_it_is_the_same_process_and_exits_as_it_would
    path = program("print Process.pid; exit 7")
    result = ChildProcess.command("sh", "-c", "echo $$; exec #{Shellwords.join([RbConfig.ruby, "-I#{ChildProcess::LIB}", path])}", env: env, check: false)
    assert_equal 7, result.status.exitstatus
    assert_equal 1, result.stdout.split.uniq.size
  end

  def test_children_are_not_started_twice
    inner = program("$stderr.print AllocStats.allocator.name, ' '", name: "inner.rb")
    result = ruby(program("warn ENV['ALLOCSTATS_PRELOADED']; system(RbConfig.ruby, '-I', #{ChildProcess::LIB.inspect}, #{inner.inspect}); Process.wait(fork { load #{inner.inspect} })"))
    guard, allocators = result.stderr.lines
    assert_match(/\A\d+-\d+\n/, guard)
    assert_equal "jemalloc jemalloc ", allocators
  end

  def test_a_child_that_lost_the_preload_starts_again
    inner = program("print AllocStats.allocator.name", name: "inner.rb")
    result = ruby(program("system({'LD_PRELOAD' => nil}, RbConfig.ruby, '-I', #{ChildProcess::LIB.inspect}, #{inner.inspect})"))
    assert_equal ["jemalloc", ""], [result.stdout, result.stderr]
  end

  def test_what_runs_already_is_kept_where_nobody_asks
    result = ruby(program("print AllocStats.allocator.name, ENV.key?('ALLOCSTATS_PRELOADED')"), env: @entry.env)
    assert_equal "jemallocfalse", result.stdout
  end

  def test_a_profile_for_what_runs_already
    entry = TestAllocators["mimalloc-3.6.0"]
    skip entry.missing if entry.missing
    result = ruby(program("print AllocStats.allocator.path, ENV['MIMALLOC_PURGE_DELAY']"), env: entry.env.merge("ALLOCSTATS_PROFILE" => "low_memory"))
    assert_equal "#{entry.path}10", result.stdout
  end

  def test_a_bare_require_takes_the_first_there_is
    library = AllocStats::Launch.libraries.first or skip "this machine has no allocator"
    assert_equal library.name.name, ruby(program("print AllocStats.allocator.name"), env: {}).stdout
  end

  def test_exec_and_it_agree
    result = CommandLine.run("exec", "-a", "glibc", RbConfig.ruby, "-I#{ChildProcess::LIB}", program("print AllocStats.allocator.name, ENV.key?('ALLOCSTATS_PRELOADED')"))
    assert_equal "glibcfalse", result.stdout
  end

  def test_a_process_that_is_spared_stays_spared
    result = CommandLine.run("exec", "--only", "nothing", "-a", @entry.path, RbConfig.ruby, "-I#{ChildProcess::LIB}", program("print AllocStats.allocator.name"))
    assert_equal ["glibc", ""], [result.stdout, result.stderr]
  end

  def test_closed_streams_are_no_obstacle
    path = File.join(@folder, "closed.rb")
    File.write(path, "$stdout.close; $stderr.close if ARGV.any?; require 'allocstats/preload'; File.write('#{@folder}/ran', AllocStats.allocator.name)")
    [[path], [path, "x"]].each do |arguments|
      assert_predicate ruby(*arguments, env: {"ALLOCSTATS_ALLOCATOR" => "no"}), :success?
      assert_equal "glibc", File.read("#{@folder}/ran")
      File.delete("#{@folder}/ran")
      assert_predicate ruby(*arguments), :success?
      assert_path_exists "#{@folder}/ran"
    end
  end

  # What cannot be done: one warning, and the program runs.

  def test_a_program_from_standard_input
    output, errors, status = Open3.capture3(env, RbConfig.ruby, "-I#{ChildProcess::LIB}", stdin_data: "require 'allocstats/preload'\nrequire 'allocstats/preload'\nprint AllocStats.allocator.name")
    assert_predicate status, :success?
    assert_equal "glibc", output
    assert_match(/\A.*its program came from standard input, which has been read\n\z/, errors)
  end

  def test_a_program_from_a_pipe
    shell = "exec #{Shellwords.join([RbConfig.ruby, "-I#{ChildProcess::LIB}"])} <(echo 'require \"allocstats/preload\"; print 1')"
    assert_goes_on(/its program, \S+, is no file that could be read again/, ChildProcess.command("bash", "-c", shell, env: env), output: "1")
  end

  def test_a_title_that_was_written_over_the_arguments
    path = File.join(@folder, "titled.rb")
    File.write(path, "ARGV.shift; Process.setproctitle('mine'); require 'allocstats/preload'; print 1")
    assert_goes_on(/its arguments can no longer be read, since its title was written over them/, ruby(path, "x"), output: "1")
  end

  def test_a_forked_process
    result = ruby("-e", "Process.wait(fork { require 'allocstats/preload'; print 1 }); print 2")
    assert_goes_on(/this process was forked from another one, whose arguments it has/, result, output: "12")
  end

  def test_spring_is_left_alone
    result = ruby("-e", "module Spring; class Application; end; end; require 'allocstats/preload'; print 1")
    assert_goes_on(/Spring keeps a connection .*/, result, output: "1")
  end

  def test_an_allocator_that_is_not_there_or_does_not_work
    path = program("print 1")
    assert_goes_on(/no allocator is named "jemaloc"; did you mean jemalloc\?/, ruby(path, env: {"ALLOCSTATS_ALLOCATOR" => "jemaloc"}), output: "1")
    assert_goes_on(/no profile is named "low"; there are low_memory, balanced, throughput/, ruby(path, env: env(ALLOCSTATS_PROFILE: "low")), output: "1")
    assert_goes_on(/#{Regexp.escape(path)} cannot be preloaded: it is no shared library/, ruby(path, env: {"ALLOCSTATS_ALLOCATOR" => path}), output: "1")
    assert_goes_on(/JEMALLOC_ENABLED is true or false, not "x"/, ruby(path, env: {"JEMALLOC_ENABLED" => "x"}), output: "1")
  end

  # Something that takes LD_PRELOAD away at every start: no endless loop.
  def test_it_is_tried_once
    scrub = "Kernel.singleton_class.prepend(Module.new { def exec(env, *rest, **options) = super(env.merge('LD_PRELOAD' => nil), *rest, **options) })"
    result = ruby("-e", "#{scrub}; require 'allocstats/preload'; print 1")
    assert_goes_on(/it was started again with LD_PRELOAD=.*, and that is lost.*/, result, output: "1")
  end

  def test_children_do_not_warn_of_the_same_again
    path = program("exit if ARGV.empty?; system(RbConfig.ruby, '-I', #{ChildProcess::LIB.inspect}, $0); print 1")
    assert_goes_on(/no allocator is named "no"; there are [\w, ]+/, ruby(path, "x", env: {"ALLOCSTATS_ALLOCATOR" => "no"}), output: "1")
  end

  def test_elsewhere_nothing_happens
    result = ruby("-e", "require 'rbconfig'; RbConfig::CONFIG['host_os'] = 'darwin23'; require 'allocstats/preload'; print 1")
    assert_equal ["1", ""], [result.stdout, result.stderr]
  end

  # Real programs.

  WHICH = "run ->(_) { [200, {}, [AllocStats.allocator.title, ' ', $0, ' ', ARGV.inspect]] }"

  {0 => "single", 2 => "cluster"}.each do |workers, shape|
    define_method("test_in_the_configuration_of_puma_#{shape}") do
      PumaServer.run(rackup: WHICH, workers: workers, config: "require \"allocstats/preload\"", env: env) do |server|
        body = server.get("/").body
        assert_match(/\Ajemalloc #{@entry.version} /, body, server.log)
        refute_match(/goes on under/, server.log)
      end
    end

    define_method("test_in_the_application_of_puma_#{shape}") do
      PumaServer.run(rackup: "require \"allocstats/preload\"\n#{WHICH}", workers: workers, env: env) do |server|
        assert_match(/\Ajemalloc #{@entry.version} /, server.get("/").body, server.log)
        refute_match(/goes on under/, server.log)
      end
    end
  end

  # Its title is Puma's by then, and its workers are forks.
  def test_in_a_worker_of_puma_it_goes_on
    rackup = "require \"allocstats/preload\"\n#{WHICH}"
    PumaServer.run(rackup: rackup, workers: 1, config: "preload_app! false", env: env) do |server|
      assert_match(/\Aglibc/, server.get("/").body)
      assert_match(/goes on under .*: this process was forked from another one/, server.log)
    end
  end

  def test_in_the_boot_file_of_rails
    skip RailsApp.missing if RailsApp.missing
    app = copied_rails_app
    server = PumaServer.new(["-C", "config/puma.rb"], folder: app, gemfile: "#{app}/Gemfile", env: env(RAILS_ENV: "production", PORT: "0", ALLOCSTATS_PROFILE: "low_memory"))
    server.run do
      assert_equal "200", server.get("/").code, server.log
      assert_match(%r{/libjemalloc}, File.read("/proc/#{server.pid}/maps"))
      assert_match(/MALLOC_CONF=narenas:1/, File.binread("/proc/#{server.pid}/environ"))
      refute_match(/goes on under/, server.log)
    end
  end

  # `rails server` writes its number down before Puma reads its configuration.

  %w[rails_7_2 rails_7_1 rails_6_1].each do |name|
    define_method("test_in_the_configuration_of_puma_under_#{name}s_server") do
      with_rails_server(name) do |server, app, _|
        assert_match(/\Ajemalloc #{@entry.version} /, server.get("/").body, server.log)
        refute_match(/already running|goes on under/, server.log)
        assert_equal server.pid.to_s, File.read("#{app}/tmp/pids/server.pid").strip
      end
    end
  end

  def test_under_a_rails_server_with_another_pidfile
    with_rails_server("rails_7_2", "-P", "tmp/other.pid") do |server, app, _|
      assert_match(/\Ajemalloc/, server.get("/").body, server.log)
      assert_equal server.pid.to_s, File.read("#{app}/tmp/other.pid").strip
      refute_path_exists "#{app}/tmp/pids/server.pid"
    end
  end

  # One that really runs is still seen.
  def test_another_rails_server_that_runs_already
    with_rails_server("rails_7_2") do |_, app, environment|
      pid = File.read("#{app}/tmp/pids/server.pid")
      second = ChildProcess.command(RbConfig.ruby, "bin/rails", "server", "-p", "0", env: environment, chdir: app, bundler: true, check: false)
      refute_predicate second, :success?
      assert_match(/A server is already running/, second.stdout + second.stderr)
      assert_equal pid, File.read("#{app}/tmp/pids/server.pid")
    end
  end

  {"production" => nil, "development" => "tmp/pids/server.pid", "development with -P" => "tmp/other.pid"}.each do |name, pidfile|
    define_method("test_under_a_rails_server_in_the_background_in_#{name.tr(" ", "_")}") do
      in_the_background(name[/\w+/], pidfile)
    end
  end

  def in_the_background(environment, pidfile)
    app = small_rails("rails_7_2")
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    environment = PumaServer.environment(gemfile("rails_7_2")).merge(env(RAILS_ENV: environment))
    command = [RbConfig.ruby, "bin/rails", "server", "-d", "-b", "127.0.0.1", "-p", port.to_s, *(["-P", pidfile] if pidfile&.include?("other"))]
    Process.wait(spawn(environment, *command, in: File::NULL, out: "#{@folder}/out", err: "#{@folder}/out", chdir: app))
    body = eventually_get(port).to_s
    pid = body.split.last.to_i
    assert_match(/\Ajemalloc/, body, File.read("#{@folder}/out"))
    assert_equal pid.to_s, File.read("#{app}/#{pidfile}").strip if pidfile
    assert_match(%r{/libjemalloc}, File.read("/proc/#{pid}/maps"))
    refute_match(/already running/, File.read("#{@folder}/out"))
  ensure
    Process.kill(:KILL, pid) if pid&.positive?
  end

  def test_a_pidfile_is_put_back_where_it_goes_on
    path = File.join(@folder, "a.pid")
    server = AllocStats::Launch::RackServer.new({pid: path})
    refute_predicate server, :noted?
    File.write(path, Process.pid.to_s)
    assert_raises(IOError) { server.unnoted { refute_path_exists(path) && raise(IOError) } }
    assert_equal Process.pid.to_s, File.read(path)
    [Process.ppid.to_s, "", "#{Process.pid}0", "#{Process.pid} 1"].each do |other|
      File.write(path, other)
      refute_predicate server, :noted?
      server.unnoted { assert_path_exists path }
      assert_equal other, File.read(path)
    end
  end

  def test_in_rails_runner_and_rake
    skip RailsApp.missing if RailsApp.missing
    app = copied_rails_app
    File.write("#{app}/Rakefile", "require_relative \"config/boot\"\ntask(:which) { require \"allocstats\"; print AllocStats.allocator.name, ARGV }\n")
    environment = PumaServer.environment("#{app}/Gemfile").merge(env(RAILS_ENV: "production"))
    [["bundle", "exec", "rake", "which", "x=1"], [RbConfig.ruby, "-rbundler/setup", "-S", "rake", "which", "x=1"]].each do |command|
      result = ChildProcess.command(*command, env: environment, chdir: app, bundler: true, check: false)
      assert_equal ["jemalloc[\"which\", \"x=1\"]", ""], [result.stdout, result.stderr]
    end
    FileUtils.mkdir_p("#{app}/bin")
    File.write("#{app}/bin/rails", "APP_PATH = File.expand_path(\"../config/application\", __dir__)\nrequire_relative \"../config/boot\"\nrequire \"rails/commands\"\n")
    result = ChildProcess.command(RbConfig.ruby, "bin/rails", "runner", "print AllocStats.allocator.name, Rails.env, ARGV", "a b", env: environment, chdir: app, bundler: true, check: false)
    assert_equal ["jemallocproduction[\"a b\"]", ""], [result.stdout, result.stderr]
  end

  private

  def gemfile(name) = File.join(PumaServer::ROOT, "gemfiles", "#{name}.gemfile")

  # An application of few files, with the line in its configuration of Puma.
  def small_rails(name)
    missing = PumaServer.missing(gemfile(name))
    skip missing if missing
    app = File.join(@folder, "small")
    {
      "bin/rails" => "APP_PATH = File.expand_path(\"../config/application\", __dir__)\nrequire \"bundler/setup\"\nrequire \"rails/commands\"\n",
      "config/puma.rb" => "require \"allocstats/preload\"\nthreads 1, 1\n",
      "config.ru" => "require_relative \"config/application\"\nShop.initialize!\nrun Shop\n",
      "config/application.rb" => <<~RUBY
        require "logger"
        require "rails"
        require "action_controller/railtie"
        require "allocstats"
        class Shop < Rails::Application
          config.root = File.expand_path("..", __dir__)
          config.eager_load = false
          config.secret_key_base = "of no use"
          config.hosts.clear
          config.logger = Logger.new($stdout)
          routes.append { root to: ->(_) { [200, {"content-type" => "text/plain"}, [AllocStats.allocator.title, " ", Process.pid.to_s]] } }
        end
      RUBY
    }.each { |path, text| FileUtils.mkdir_p(File.dirname("#{app}/#{path}")) && File.write("#{app}/#{path}", text) }
    app
  end

  def with_rails_server(name, *arguments)
    app = small_rails(name)
    environment = env(RAILS_ENV: "development")
    server = PumaServer.new(["-b", "127.0.0.1", "-p", "0", *arguments], command: [RbConfig.ruby, "bin/rails", "server"], folder: app, gemfile: gemfile(name), env: environment)
    server.run { yield server, app, PumaServer.environment(gemfile(name)).merge(environment) }
  end

  def eventually_get(port, seconds: 60)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
    begin
      Net::HTTP.get(URI("http://127.0.0.1:#{port}/"))
    rescue SystemCallError, EOFError
      return if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep 0.2
      retry
    end
  end

  # As it is given in docs/exec.md: the first line that Bundler does not need.
  def copied_rails_app
    app = File.join(@folder, "app")
    FileUtils.cp_r(RailsApp::FOLDER, app)
    gemfile = File.read("#{app}/Gemfile").sub("../..", PumaServer::ROOT)
    File.write("#{app}/Gemfile", gemfile)
    FileUtils.rm_f("#{app}/Gemfile.lock")
    FileUtils.cp("#{RailsApp::FOLDER}/Gemfile.lock", app) if File.exist?("#{RailsApp::FOLDER}/Gemfile.lock")
    lock = "#{app}/Gemfile.lock"
    File.write(lock, File.read(lock).sub("remote: ../..", "remote: #{PumaServer::ROOT}")) if File.exist?(lock)
    File.write("#{app}/config/boot.rb", "require \"allocstats/preload\"\n#{File.read("#{app}/config/boot.rb")}")
    app
  end
end
