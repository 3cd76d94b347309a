# frozen_string_literal: true

require "net/http"
require "timeout"
require_relative "../../clock"

module AllocStats
  module Command
    class Remote
      # One question and its answer over HTTP, by one clock from the first byte sent to the last byte read, and no longer
      # than a limit: Net::HTTP's own clocks begin anew with every byte, and it reads a header of any length.
      class Exchange < Net::HTTP
        # The answer has more bytes than it may have.
        class TooLong < StandardError; end

        # The status line and the headers.
        HEAD = 64 << 10

        # What is between Net::HTTP and its socket.
        class Bounded
          # How many bytes may have been read by now.
          attr_writer :limit

          def initialize(io, deadline)
            @io = io
            @deadline = deadline
            @limit = HEAD
            @read = 0
          end

          def read_nonblock(size, buffer = nil, exception: true)
            rest
            got = @io.read_nonblock(size, buffer, exception: exception)
            raise TooLong if got.is_a?(String) && (@read += got.bytesize) > @limit
            got
          end

          def write_nonblock(...) = @io.write_nonblock(...)

          def eof? = @io.eof?

          def closed? = @io.closed?

          def close = @io.close

          # Whoever waits for the socket waits here.
          def to_io = self

          def wait_readable(timeout) = @io.to_io.wait_readable([timeout, rest].min)

          def wait_writable(timeout) = @io.to_io.wait_writable([timeout, rest].min)

          private

          def rest
            rest = @deadline - Clock.now
            rest.positive? ? rest : raise(Net::ReadTimeout, @io.to_io)
          end
        end

        # uri::     whom to ask
        # seconds:: until the answer must be there
        # open::    and the connection
        def self.with(uri, seconds:, open:)
          new(uri.hostname, uri.port).tap { |exchange| exchange.set(seconds, [open, seconds].min, uri.is_a?(URI::HTTPS)) }
        end

        def set(seconds, open, secure)
          @deadline = Clock.now + seconds
          self.use_ssl = secure
          self.open_timeout = open
          self.read_timeout = self.write_timeout = seconds
          self.max_retries = 0
        end

        # @return [Array(Net::HTTPResponse, String)] the answer, and its body
        # @raise [TooLong] and what Net::HTTP raises
        def ask(question, largest:)
          Timeout.timeout(open_timeout, Net::OpenTimeout) { start }
          body = +""
          response = request(question) do |answer|
            @bounded.limit = largest
            answer.read_body { |part| (body << part).bytesize > largest and raise TooLong }
          end
          [response, body]
        ensure
          finish if started?
        end

        private

        # Net::HTTP's word for when there is a socket.
        def on_connect
          @bounded = Bounded.new(@socket.io, @deadline)
          @socket = Net::BufferedIO.new(@bounded, read_timeout: read_timeout, write_timeout: write_timeout, continue_timeout: continue_timeout)
        end
      end
    end
  end
end
