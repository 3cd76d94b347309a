# frozen_string_literal: true

require "net/http"
require "uri"
require_relative "kept"

module AllocStats
  module Build
    module Sources
      # The archive's own URL, or a mirror that serves the same file names. An upstream that cannot be reached must not
      # hold up an install that Debian can serve, so every wait is short.
      class Upstream
        REDIRECTS = 5

        attr_reader :reason

        # Seconds to wait: for a connection, for its next bytes, for the whole archive.
        def initialize(keep, mirror: nil, connect: 5, read: 15, whole: 90)
          @keep, @mirror = keep, mirror&.chomp("/")
          @connect, @read, @whole = connect, read, whole
        end

        def fetch(pin)
          url = @mirror ? "#{@mirror}/#{pin.file}" : pin.url
          return refuse("it does not publish this archive") unless url

          body = download(url)
          body && Kept.write(@keep, pin, body, "what #{url} sent")
        end

        def to_s = @mirror ? "the mirror #{@mirror}" : "upstream"

        private

        # The first reason is the one to tell: it is the preferred archive's.
        def refuse(reason)
          @reason ||= reason
          nil
        end

        # Resolving a name cannot be interrupted in every Ruby, so the whole transfer runs in a thread that is given up.
        # Whatever goes wrong, down to a Ruby without OpenSSL, is one thing here: upstream cannot be had.
        def download(url)
          transfer = Thread.new { get(URI(url), REDIRECTS) }
          transfer.report_on_exception = false
          transfer.join(@whole) ? transfer.value : refuse("#{url} took more than #{@whole} s")
        rescue StandardError, LoadError => error
          refuse("#{url} cannot be reached (#{error.message.lines.first.to_s.strip[0, 160]})")
        ensure
          transfer&.kill
        end

        def get(uri, redirects)
          response = connection(uri).start { |http| http.get(uri.request_uri) }
          case response
          when Net::HTTPSuccess then response.body
          when Net::HTTPRedirection then follow(uri, response, redirects)
          else refuse("#{uri} answered #{response.code} #{response.message}")
          end
        end

        def follow(uri, response, redirects)
          raise IOError, "too many redirections" unless redirects.positive?

          get(URI.join(uri, response.fetch("location")), redirects - 1)
        end

        def connection(uri)
          raise ArgumentError, "not an http(s) address" unless uri.is_a?(URI::HTTP)

          Net::HTTP.new(uri.host, uri.port).tap do |http|
            http.use_ssl = uri.scheme == "https"
            http.open_timeout = http.ssl_timeout = @connect
            http.read_timeout = @read
            http.max_retries = 0
          end
        end
      end
    end
  end
end
