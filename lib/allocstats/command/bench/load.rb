# frozen_string_literal: true

require "net/http"
require "uri"

module AllocStats
  module Command
    class Bench
      # Clients that ask a server for paths, each on a connection of its own: so many requests, of which each client takes
      # the next.
      class Load
        # `requests`, `failures` (answers that are no success and no redirection, and none at all), `seconds`, and each
        # one's `latencies` in seconds.
        Lap = Struct.new(:requests, :failures, :seconds, :latencies, :why)

        # @param text [String] a file with one path a line, or a list
        # @return [Array<String>]
        # @raise [Failure]
        def self.paths(text)
          lines = File.file?(text) ? File.readlines(text, chomp: true) : text.split(",")
          paths = lines.map(&:strip).reject { |line| line.empty? || line.start_with?("#") }
          raise Failure, "there is no path in #{text}" if paths.empty?
          odd = paths.find { |path| !path.match?(%r{\A/[!-~]*\z}) } or return paths
          raise Failure, "#{odd.inspect} is no path: it begins with a slash, and has neither spaces nor other signs than ASCII"
        rescue SystemCallError, ArgumentError => error
          raise Failure.new("#{text} cannot be read: #{Formats.line(error.message)}", status: NOT_FOUND)
        end

        # @param headers [Hash{String => String}]
        def initialize(url, paths:, clients:, headers: {})
          @uri = URI.parse(url)
          @paths = paths
          @clients = clients
          @headers = {"User-Agent" => "allocstats/#{VERSION}", "Accept" => "*/*"}.merge(headers)
          @next = -1
          @lock = Mutex.new
        end

        # @return [Lap]
        def run(requests)
          last = @next + requests
          begun = Clock.now
          clients = Array.new([@clients, requests].min) { Thread.new { ask_until(last) } }
          answers = clients.flat_map(&:value)
          failed = answers.select(&:last)
          Lap.new(answers.size, failed.size, Clock.now - begun, answers.map(&:first), failed.first&.last)
        ensure
          clients&.each(&:kill)
        end

        private

        # @return [Array<Array(Float, String)>] how long each took, and why it failed
        def ask_until(last)
          answers = []
          http = nil
          while (number = take(last))
            begun = Clock.now
            begin
              http ||= connect
              why = ask(http, @paths[number % @paths.size])
            rescue *Remote::UNREACHABLE => error
              why = Formats.line(error.message)
              http = nil
            end
            answers << [Clock.now - begun, why]
          end
          answers
        ensure
          http&.finish if http&.started?
        end

        def take(last) = @lock.synchronize { @next += 1 if @next < last }

        def connect
          Net::HTTP.start(@uri.hostname, @uri.port, use_ssl: @uri.is_a?(URI::HTTPS), open_timeout: 5, read_timeout: 60, max_retries: 0)
        end

        # @return [String, nil] why it failed
        def ask(http, path)
          answer = http.request(Net::HTTP::Get.new("#{@uri.path.chomp("/")}#{path}", @headers)) { |response| response.read_body { nil } }
          "#{path} answers #{answer.code}" unless answer.is_a?(Net::HTTPSuccess) || answer.is_a?(Net::HTTPRedirection)
        end
      end
    end
  end
end
