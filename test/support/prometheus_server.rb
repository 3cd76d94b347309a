# frozen_string_literal: true

require "json"
require "net/http"
require "open3"
require "support/server_process"
require "tmpdir"
require "yaml"

# A real Prometheus on a port that the kernel chose, with its data in a folder that is gone afterwards:
#
#   PrometheusServer.run({"scrape_configs" => [...]}) do |prometheus|
#     prometheus.soon("up == 1")   # => [[{"job" => ...}, 1.0]]
#   end
class PrometheusServer < ServerProcess
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

  def initialize(folder)
    super("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0", folder: folder)
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

  def listening_port
    text = log
    text[/msg="Listening on" address=127\.0\.0\.1:(\d+)/, 1] if text.include?("Server is ready to receive web requests")
  end
end
