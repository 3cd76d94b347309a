# frozen_string_literal: true

require "json"
require "net/http"
require "openssl"
require "uri"
require_relative "../formats"

module AllocStats
  module Command
    # Asks what another process answers at its endpoint (AllocStats::Rack), wherever that is mounted:
    #
    #   Remote.new("http://127.0.0.1:3000/allocator").get("report.json")[:allocator][:name]
    #
    # The token is that of the environment (ALLOCSTATS_TOKEN, and for what changes something ALLOCSTATS_CHANGE_TOKEN)
    # unless given, or the password in the address. It is sent in a header, and to no other host: redirections are told,
    # not followed. Whatever goes wrong is a Failure with one sentence that names the address, without what is secret in
    # it.
    #
    # Whoever answers may answer anything, and at any speed: an exchange has one clock and a largest size, and of what it
    # brings every text is made printable before anybody sees it.
    class Remote
      autoload :Exchange, "allocstats/command/remote/exchange"

      SECONDS_TO_OPEN = 5
      SECONDS_TO_READ = 15
      SECONDS_TO_CHANGE = 60

      # More than any report; a page that has no end is no report.
      LARGEST = 64 << 20

      # What may go wrong before there is an answer.
      UNREACHABLE = [SystemCallError, SocketError, IOError, Timeout::Error, OpenSSL::SSL::SSLError, Net::ProtocolError,
        Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError].freeze

      # The address of the endpoint, without credentials, for people.
      attr_reader :address

      # @param url [String] of the endpoint; what it is mounted at, with or without a slash at the end
      # @param token [String, nil] opens what is asked for
      # @param seconds [Numeric, nil] in which an answer must be there
      # @raise [Failure] for what is no address over http or https
      def initialize(url, token: nil, seconds: nil)
        uri = parse(url)
        @seconds = seconds
        @token = [token, uri.password && unescaped(uri.password)].find { |given| !given.to_s.empty? }
        @uri = uri.class.build(host: uri.host, port: uri.port, path: uri.path.sub(%r{(\.json)?/*\z}, "")).freeze
        @address = @uri.to_s
      end

      # One of the endpoint's JSON resources.
      # @param resource [String] "report.json", "workers.json", ...
      # @return [Hash] with symbols as keys
      # @raise [Failure]
      def get(resource) = parse_json(body_of(resource, Net::HTTP::Get))

      # One of its resources that is text for people.
      # @param resource [String] "report.txt"
      # @return [String]
      # @raise [Failure]
      def text(resource) = Formats.printable(body_of(resource, Net::HTTP::Get, accept: "text/plain"))

      # Has it change something.
      # @param resource [String] "purge" or "tune"
      # @param options [Hash] what the resource takes
      # @return [Hash] its answer, with symbols as keys
      # @raise [Failure]
      def post(resource, **options) = parse_json(body_of(resource, Net::HTTP::Post, options))

      private

      # As it was before it was made part of an address. No Ruby from 3.1 to 4.0 has one name for this.
      def unescaped(text) = text.b.gsub(/%(\h\h)/n) { [$1].pack("H2") }.force_encoding(Encoding::UTF_8)

      def body_of(resource, method, options = nil, accept: "application/json")
        uri = @uri.dup
        uri.path = "#{uri.path}/#{resource}"
        variables = options ? ["ALLOCSTATS_CHANGE_TOKEN", "ALLOCSTATS_TOKEN"] : ["ALLOCSTATS_TOKEN"]
        token = @token || ENV.values_at(*variables).find { |given| !given.to_s.empty? }
        seconds = @seconds || (options ? SECONDS_TO_CHANGE : SECONDS_TO_READ)
        response, body = request(uri, question(method.new(uri), options, accept, token), seconds)
        understand(resource, response, body) { refusal(response, variables.first, token) }
      end

      def parse(url)
        uri = URI.parse(url.to_s)
        return uri if uri.is_a?(URI::HTTP) && !uri.host.to_s.empty?
        raise Failure, "#{url.inspect} is no address of an endpoint: http://HOST:PORT/allocator is one"
      rescue URI::InvalidURIError
        raise Failure, "#{url.inspect} is no address of an endpoint: http://HOST:PORT/allocator is one"
      end

      # @return [Array(Net::HTTPResponse, String)] the body apart, since it is read up to a size
      def request(uri, question, seconds)
        Exchange.with(uri, seconds: seconds, open: SECONDS_TO_OPEN).ask(question, largest: LARGEST)
      rescue Exchange::TooLong
        raise unavailable("#{address} answers without an end")
      rescue Net::ReadTimeout
        raise unavailable("#{address} cannot be reached: it has not answered within #{format("%g", seconds)} s")
      rescue *UNREACHABLE => error
        raise unavailable("#{address} cannot be reached: #{Formats.line(error.message)}")
      end

      def question(question, options, accept, token)
        question["Accept"] = accept
        question["User-Agent"] = "allocstats/#{VERSION}"
        question["Authorization"] = "Bearer #{token}" if token
        return question unless options
        question["Content-Type"] = "application/json"
        question.body = JSON.generate(options)
        question
      end

      def understand(resource, response, body)
        case response
        when Net::HTTPSuccess then body
        when Net::HTTPUnauthorized, Net::HTTPForbidden then raise Failure.new(yield, status: NOT_PERMITTED)
        when Net::HTTPNotFound then raise Failure.new("there is no endpoint of allocstats at #{address} (#{resource} answers 404)", status: NOT_FOUND)
        when Net::HTTPRedirection then raise unavailable("#{address} sends elsewhere: #{Formats.line(response["Location"].to_s)}; name that one if it is meant")
        when Net::HTTPTooManyRequests then raise unavailable("#{address} asks for patience: #{resource} may be asked for again in #{Formats.line(response["Retry-After"].to_s)[0, 20]} s")
        else raise unavailable("#{address} answers #{response.code} to #{resource}")
        end
      end

      def refusal(response, variable, token)
        return "#{address} answers #{response.code}: #{variable} holds a token that does not open it" if token
        "#{address} answers #{response.code}: set #{variable} to the token that opens it"
      end

      def parse_json(body)
        answer = JSON.parse(body, symbolize_names: true)
        return Formats.deeply_printable(answer) if answer.is_a?(Hash)
        raise unavailable("#{address} answers something that is not of allocstats")
      rescue JSON::ParserError, EncodingError
        raise unavailable("#{address} answers something that is not JSON")
      end

      def unavailable(message) = Failure.new(message, status: UNAVAILABLE)
    end
  end
end
