# frozen_string_literal: true

require "json"
require "net/http"
require "open3"
require "tmpdir"
require "yaml"

# A real Prometheus in a process of its own, on a port that the kernel chose, with its data in a folder that is gone
# afterwards:
#
#   PrometheusServer.run({"scrape_configs" => [...]}) do |prometheus|
#     prometheus.soon("up == 1")   # => [[{"job" => ...}, 1.0]]
#   end
class PrometheusServer
  class Failed < StandardError; end

  SECONDS_TO_BOOT = 60
  SECONDS_TO_ANSWER = 60

  # Why it cannot be used here, for `skip`; nil where it can.
  def self.missing
    "Prometheus is not installed (Debian: apt-get install prometheus)" unless %w[prometheus promtool].all? { |name| system("which", name, out: File::NULL) }
  end

  # promtool with these arguments: what it printed, and whether it was content.
  def self.promtool(*arguments, input: "", chdir: Dir.pwd)
    output, status = Open3.capture2e("promtool", *arguments, stdin_data: input, chdir: chdir)
    [output, status.success?]
  end

  # config:: what prometheus.yml holds, as Ruby
  # files:: further files beside it, name => text
  def self.run(config, files: {})
    Dir.mktmpdir("allocstats-prometheus") do |folder|
      {"prometheus.yml" => YAML.dump(config), **files}.each { |name, text| File.write("#{folder}/#{name}", text) }
      new(folder).run { |server| yield server }
    end
  end

  attr_reader :port

  def initialize(folder)
    @folder = folder
    @log = "#{folder}/log"
  end

  def run
    start
    yield self
  ensure
    stop
  end

  # What an expression is now: [[labels, number], ...].
  def query(expression)
    answer("/api/v1/query", query: expression).fetch("result").map { |row| [row["metric"], Float(row["value"].last)] }
  end

  # The same, as soon as it is anything and the block, where there is one, is content with it.
  def soon(expression)
    wait(expression) { query(expression).then { |rows| rows if rows.any? && (!block_given? || yield(rows)) } }
  end

  # What is known of the targets that are scraped.
  def targets = answer("/api/v1/targets").fetch("activeTargets")

  # Name => type and help, as the scrapes brought them.
  def metadata = answer("/api/v1/metadata").transform_values(&:first)

  def rules = answer("/api/v1/rules").fetch("groups").flat_map { |group| group["rules"] }

  def log = File.read(@log, encoding: Encoding::UTF_8)

  private

  def answer(path, parameters = {})
    answer = Net::HTTP.get_response(URI::HTTP.build(host: "127.0.0.1", port: port, path: path, query: URI.encode_www_form(parameters)))
    told = JSON.parse(answer.body)
    raise Failed, "#{parameters.values.first || path}: #{told["error"]}" unless told["status"] == "success"
    told.fetch("data")
  end

  def wait(what)
    deadline = now + SECONDS_TO_ANSWER
    until (found = yield)
      raise Failed, "there was no #{what} within #{SECONDS_TO_ANSWER} s; targets: #{targets.map { |target| target.values_at("scrapeUrl", "lastError") }}" if now > deadline
      sleep 0.1
    end
    found
  end

  def start
    @pid = Process.spawn("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0",
      in: File::NULL, out: @log, err: @log, pgroup: true, chdir: @folder)
    deadline = now + SECONDS_TO_BOOT
    until log.include?("Server is ready to receive web requests") && (@port = log[/msg="Listening on" address=127\.0\.0\.1:(\d+)/, 1]&.to_i)
      raise Failed, "Prometheus ended before it listened:\n#{log}" if Process.wait(@pid, Process::WNOHANG)&.then { @pid = nil } || @pid.nil?
      raise Failed, "Prometheus did not listen within #{SECONDS_TO_BOOT} s:\n#{log}" if now > deadline
      sleep 0.05
    end
  end

  # Its data is of no further use, so it need not be put away in order.
  def stop
    return unless @pid
    Process.kill(:KILL, -@pid)
    Process.wait(@pid)
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
end
