# frozen_string_literal: true

require "net/http"
require "open3"
require "tempfile"
require "tmpdir"
require "support/child_process"

# A real Puma in a process of its own, on a port that the kernel chose, under an allocator that the test chose:
#
#   PumaServer.run(rackup: %(require "allocstats"\nrun AllocStats::Rack::Endpoint.new), workers: 2) do |server|
#     server.get("/").body
#   end
#
# It is gone when the block has ended, whatever happened in it.
class PumaServer
  class Failed < StandardError; end

  ROOT = File.expand_path("../..", __dir__)
  GEMFILE = File.join(ROOT, "Gemfile")
  SECONDS_TO_BOOT = 60
  # More than the thirty after which Puma kills a worker that does not end: Puma 8.0.2 may wait for ever for a descriptor
  # that it closes, with and without allocstats (puma/puma#3677).
  SECONDS_TO_STOP = 45

  # Runs Puma over a config.ru with this text.
  #
  # gemfile:: the bundle to run in; that of the checkout unless said
  # workers:: 0 is a single process
  # config::  lines for the end of Puma's own configuration
  def self.run(rackup:, workers: 0, threads: 5, config: "", gemfile: GEMFILE, allocator: nil, env: {}, &block)
    Dir.mktmpdir("allocstats-puma") do |folder|
      File.write("#{folder}/config.ru", rackup)
      File.write("#{folder}/puma.rb", <<~CONFIG)
        bind "tcp://127.0.0.1:0"
        threads #{threads}, #{threads}
        workers #{workers}
        #{"preload_app!" if workers > 0}
        #{config}
      CONFIG
      new(["-C", "puma.rb"], folder: folder, gemfile: gemfile, allocator: allocator, env: env).run(&block)
    end
  end

  # Why nothing can be run with this Gemfile here, for `skip`; nil where it can.
  def self.missing(gemfile)
    said, status = Open3.capture2e(environment(gemfile), "bundle", "check")
    "the gems of #{File.basename(gemfile)} are not installed: #{said[/.*/]}" unless status.success?
  end

  # What the developer, or Bundler, has set for the process that runs the tests is not meant for the server. Whatever the
  # locale of the tests is, configurations are text.
  def self.environment(gemfile)
    foreign = ENV.keys.grep(Regexp.union(ChildProcess::FOREIGN, ChildProcess::BUNDLER))
    foreign.to_h { |name| [name, nil] }.merge("BUNDLE_GEMFILE" => gemfile, "RUBYLIB" => "#{ROOT}/lib", "LC_ALL" => "C.UTF-8")
  end

  attr_reader :pid, :port

  # arguments:: of puma, or of the command that runs it
  def initialize(arguments, folder:, gemfile:, allocator: nil, env: {}, command: ["puma"])
    @command = ["bundle", "exec", *command, *arguments]
    @folder = folder
    @env = PumaServer.environment(gemfile).merge(allocator ? allocator.env : {}, env)
    @log = Tempfile.new("allocstats-puma-log")
  end

  def run
    start
    yield self
  ensure
    stop
    @log.close!
  end

  # What Puma has printed so far.
  def log = File.read(@log.path, encoding: Encoding::UTF_8)

  def get(path, headers = {}) = request(Net::HTTP::Get.new(path, headers))

  def request(request)
    Net::HTTP.start("127.0.0.1", port, read_timeout: 30) { |http| http.request(request) }
  end

  # As many clients as there are numbers, all at once; what each of them got.
  def burst(clients, path)
    gate = Queue.new
    threads = Array.new(clients) do
      Thread.new do
        Net::HTTP.start("127.0.0.1", port, read_timeout: 30) do |http|
          gate.pop
          http.get(path)
        end
      end
    end
    clients.times { gate << :go }
    threads.map(&:value)
  end

  private

  # A group of its own, so that the workers of a master that hangs can be ended with it.
  def start
    @pid = Process.spawn(@env, *@command, in: File::NULL, out: @log.path, err: @log.path, pgroup: true, chdir: @folder)
    deadline = now + SECONDS_TO_BOOT
    until (@port = log[%r{Listening on http://127\.0\.0\.1:(\d+)}, 1]&.to_i)
      raise Failed, "Puma ended before it listened:\n#{log}" if ended?
      raise Failed, "Puma did not listen within #{SECONDS_TO_BOOT} s:\n#{log}" if now > deadline

      sleep 0.05
    end
  end

  def stop
    return if @pid.nil? || ended?

    Process.kill(:TERM, @pid)
    deadline = now + SECONDS_TO_STOP
    sleep 0.05 until ended? || now > deadline
    raise Failed, "Puma did not stop within #{SECONDS_TO_STOP} s:\n#{log}" unless ended?
  ensure
    kill_group
  end

  def ended?
    @ended ||= !Process.wait(@pid, Process::WNOHANG).nil?
  end

  def kill_group
    Process.kill(:KILL, -@pid) if @pid
    Process.wait(@pid) unless ended?
  rescue Errno::ESRCH, Errno::ECHILD
    # All of it has ended by itself.
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
