# frozen_string_literal: true

require "net/http"
require "securerandom"
require "socket"
require "tempfile"
require "uri"

module AllocStats
  module Command
    class Bench
      # A server that is started for one run, under one configuration, on a port that is free: in a group of its own, so
      # that all of it can be ended.
      class StartedServer
        SECONDS_TO_STOP = 15

        attr_reader :url

        # @param command [Array<String>] its words; %{port} stands for the port
        # @param url [String, nil] where it listens; nil for the port that it is told
        # @param boot [Float] seconds it has to answer in
        def initialize(command, configuration:, boot:, url: nil, endpoint: nil)
          @configuration = configuration
          @boot = boot
          @port = url ? URI.parse(url).port : free_port
          @url = url || "http://127.0.0.1:#{@port}"
          @command = command.map { |word| word.gsub("%{port}", @port.to_s) }
          @token = SecureRandom.hex
          @endpoint = endpoint || "#{@url}/allocator"
        end

        def to_s = @configuration.to_s

        # @yield while it runs
        # @raise [Failure] where it does not come to answer
        def up
          @log = Tempfile.new("allocstats-bench")
          start
          await
          yield
        ensure
          stop
          @log&.close!
        end

        # @return [Integer] bytes
        def memory
          @processes.bytes or raise failure("has ended")
        end

        # @return [String, nil] why it cannot be purged, nil where it was
        def purge
          Remote.new(@endpoint, token: @token).post("purge", workers: "all")
          nil
        rescue Failure => failure
          failure.message
        end

        private

        def free_port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }

        def start
          raise Failure.new("#{@url} answers before the server was started: something else listens there", status: UNAVAILABLE) if answers?
          variables = {"PORT" => @port.to_s, "ALLOCSTATS_TOKEN" => @token, "ALLOCSTATS_CHANGE_TOKEN" => @token}
          name, *arguments = @command
          @pid = Process.spawn(@configuration.environment.merge(variables), [name, name], *arguments, in: File::NULL, out: @log.path, err: @log.path, pgroup: true)
          @processes = Processes.new(@pid)
        rescue SystemCallError => error
          raise Failure.new("#{@command.first} cannot be started: #{error.message}", status: UNAVAILABLE)
        end

        def await
          deadline = Clock.now + @boot
          until answers?
            raise failure("ended before it answered at #{@url}") if ended?
            raise failure("did not answer at #{@url} within #{@boot.round} s") if Clock.now > deadline
            sleep 0.1
          end
        end

        # Whatever it answers.
        def answers?
          uri = URI.parse(@url)
          Net::HTTP.start(uri.hostname, uri.port, use_ssl: uri.is_a?(URI::HTTPS), open_timeout: 1, read_timeout: 30, max_retries: 0) { |http| http.head("/") }
          true
        rescue *Remote::UNREACHABLE
          false
        end

        # With the last that it said.
        def failure(what)
          last = File.read(@log.path).lines.reverse.find { |line| line.match?(/\S/) }
          Failure.new("the server under #{self} #{what}#{": #{Formats.line(last.strip)[0, 300]}" if last}", status: UNAVAILABLE)
        end

        def ended?
          return @ended unless @ended.nil?
          @ended = true if Process.wait(@pid, Process::WNOHANG)
        end

        def stop
          return unless @pid
          Process.kill(:TERM, @pid) unless ended?
          deadline = Clock.now + SECONDS_TO_STOP
          sleep 0.05 until ended? || Clock.now > deadline
        ensure
          end_group if @pid
        end

        def end_group
          Process.kill(:KILL, -@pid)
          Process.wait(@pid) unless ended?
        rescue Errno::ESRCH, Errno::ECHILD
          nil # all of it has ended
        end
      end
    end
  end
end
