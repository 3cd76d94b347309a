# frozen_string_literal: true

require "fileutils"
require "net/http"
require "uri"
require_relative "kept"

module AllocStats
  module Build
    module Sources
      # The archive's own URL, or a mirror that serves the same file names. An upstream that cannot be reached must not
      # hold up an install that Debian can serve, so every wait is short.
      class Upstream
        CONNECT_SECONDS = 5
        READ_SECONDS = 15
        WHOLE_SECONDS = 90
        REDIRECTS = 5

        UNREACHABLE = [SystemCallError, SocketError, IOError, Timeout::Error, Net::ProtocolError, URI::Error].freeze

        attr_reader :reason

        def initialize(keep, mirror: nil)
          @keep, @mirror, @reason = keep, mirror, nil
        end

        def fetch(pin)
          url = url_of(pin) or return
          download(URI(url), Kept.path(@keep, pin.file))
        rescue *UNREACHABLE => error
          @reason = "#{URI(url).host || url} cannot be reached (#{error.message[0, 120]})"
          nil
        end

        def to_s = @mirror ? "the mirror #{@mirror}" : "upstream"

        private

        def url_of(pin)
          return pin.url if pin.url.nil? || @mirror.nil?

          "#{@mirror.chomp("/")}/#{pin.file}"
        end

        # Resolving a name cannot be interrupted in every Ruby, so the whole transfer runs in a thread that is given up.
        def download(uri, path)
          transfer = Thread.new { get(uri, REDIRECTS) }
          transfer.report_on_exception = false
          body = transfer.join(WHOLE_SECONDS) ? transfer.value : raise(Timeout::Error, "#{WHOLE_SECONDS} s passed")
          body && Kept.write(path, body)
        ensure
          transfer&.kill
        end

        def get(uri, redirects)
          raise URI::Error, "#{uri} is no http(s) address" unless uri.is_a?(URI::HTTP)
          response = connection(uri).start { |http| http.get(uri.request_uri) }
          case response
          when Net::HTTPSuccess then response.body
          when Net::HTTPRedirection then follow(uri, response, redirects)
          else answered(uri, response)
          end
        end

        def follow(uri, response, redirects)
          return answered(uri, response) unless redirects.positive? && response["location"]

          get(URI.join(uri, response["location"]), redirects - 1)
        end

        def connection(uri)
          Net::HTTP.new(uri.host, uri.port).tap do |http|
            http.use_ssl = uri.scheme == "https"
            http.open_timeout = CONNECT_SECONDS
            http.ssl_timeout = CONNECT_SECONDS
            http.read_timeout = READ_SECONDS
            http.max_retries = 0
          end
        end

        def answered(uri, response)
          @reason = "#{uri.host} answered #{response.code} #{response.message}"
          nil
        end
      end
    end
  end
end
