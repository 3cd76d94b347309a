# frozen_string_literal: true

require "net/http"
require "open3"
require "support/child_process"
require "support/server_process"
require "tmpdir"

# A real Puma on a port that the kernel chose, under an allocator that the test chose:
#
#   PumaServer.run(rackup: %(require "allocstats"\nrun AllocStats::Rack::Endpoint.new(environment: "test")), workers: 2) do |server|
#     server.get("/").body
#   end
class PumaServer < ServerProcess
  ROOT = File.expand_path("../..", __dir__)
  GEMFILE = File.join(ROOT, "Gemfile")
  # More than the thirty after which Puma kills a worker that does not end.
  SECONDS_TO_STOP = 45

  # On Ruby 3.3 and 3.4 Puma itself may hang when it is told to end. What docs/workers.md advises against that is part of
  # each Puma's configuration here, so one that does not end has met a fault of ours.
  STOPS = File.read(File.join(ROOT, "docs/workers.md"))[/^```ruby\n(require "puma\/server"\n.*?)^```/m, 1]

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

  # STOPS as a file.
  def self.stops
    @stops ||= Tempfile.new(["allocstats-puma", ".rb"]).tap { |file| file.write(STOPS) && file.flush }
    @stops.path
  end

  # Why nothing can be run with this Gemfile here, for `skip`; nil where it can.
  def self.missing(gemfile)
    said, status = Open3.capture2e(environment(gemfile), "bundle", "check")
    "the gems of #{File.basename(gemfile)} are not installed: #{said[/.*/]}" unless status.success?
  end

  # What the developer, or Bundler, has set for the process that runs the tests is not meant for the server. Whatever the
  # locale of the tests is, configurations are text.
  def self.environment(gemfile)
    ChildProcess.environment({"BUNDLE_GEMFILE" => gemfile, "RUBYLIB" => ChildProcess::LIB, "LC_ALL" => "C.UTF-8"})
  end

  # arguments:: of puma, or of the command that runs it
  def initialize(arguments, folder:, gemfile:, allocator: nil, env: {}, command: ["puma"])
    super("bundle", "exec", *command, *arguments, *stopping(command), folder: folder, env: PumaServer.environment(gemfile).merge(allocator ? allocator.env : {}, env))
  end

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

  # Puma takes as many configurations as it is given; what starts Puma by itself finds its own.
  def stopping(command) = (command.first == "puma") ? ["-C", PumaServer.stops] : []

  def listening_port = log[%r{Listening on http://127\.0\.0\.1:(\d+)}, 1]

  # In order, as a deployment ends it; one that hangs is ended with its workers.
  def stop
    terminate unless @pid.nil? || ended?
  ensure
    super
  end

  def terminate
    Process.kill(:TERM, @pid)
    deadline = now + SECONDS_TO_STOP
    sleep 0.05 until ended? || now > deadline
    raise Failed, "#{self.class} did not stop within #{SECONDS_TO_STOP} s:\n#{log}" unless ended?
  end
end
