# frozen_string_literal: true

require "json"

module AllocStats
  module Rack
    # One answer: status, type, body and headers, with those that all answers have.
    class Answer
      JSON = "application/json; charset=utf-8"
      TEXT = "text/plain; charset=utf-8"

      # Nothing of it is kept by anyone in between, guessed at, framed, or read by another site's page.
      HEADERS = {
        "cache-control" => "no-store",
        "x-content-type-options" => "nosniff",
        "cross-origin-resource-policy" => "same-origin",
        "content-security-policy" => "default-src 'none'; frame-ancestors 'none'"
      }.freeze

      # value:: anything that answers to_h
      def self.json(value, **headers)
        new(200, JSON, Formats::Json.generate(value), headers)
      end

      # reason:: a word or a sentence
      # told::   what else is told
      def self.refusal(status, reason, headers = {}, told: {})
        new(status, JSON, "#{::JSON.generate(error: Formats.utf8(reason), **told)}\n", headers)
      end

      attr_reader :status, :type, :body, :headers

      def initialize(status, type, body, headers = {})
        @status = status
        @type = type
        @body = body
        @headers = headers
      end

      # As Rack has it, with a Hash that middlewares in front may change; without the body for HEAD.
      def to_rack(method)
        all = {**HEADERS, "content-type" => type, "content-length" => body.bytesize.to_s, **headers}
        [status, all, (method == "HEAD") ? [] : [body]]
      end
    end
  end
end
