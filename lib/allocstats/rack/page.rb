# frozen_string_literal: true

module AllocStats
  module Rack
    # The page for browsers: what the status document says of this process and of its cluster, as HTML that needs nothing but itself.
    #
    #   Page.new(document, base: "/allocator", change: true).to_s     # => "<!DOCTYPE html>..."
    #   Page.asset("page.css")                                        # => ["text/css; charset=utf-8", "..."]
    #
    # It reads nothing: all figures are the document's. Each section is a class in page/ with a template of the same
    # name. In a browser that runs page.js the page fetches itself anew and swaps what has changed, so that this is the
    # only place where figures become HTML; without it, everything but the freshness is the same.
    class Page
      autoload :Chart, "allocstats/rack/page/chart"
      autoload :Census, "allocstats/rack/page/census"
      autoload :Findings, "allocstats/rack/page/findings"
      autoload :Figures, "allocstats/rack/page/figures"
      autoload :History, "allocstats/rack/page/history"
      autoload :Layout, "allocstats/rack/page/layout"
      autoload :Ledger, "allocstats/rack/page/ledger"
      autoload :Limits, "allocstats/rack/page/limits"
      autoload :Markup, "allocstats/rack/page/markup"
      autoload :Outcome, "allocstats/rack/page/outcome"
      autoload :Purge, "allocstats/rack/page/purge"
      autoload :Scale, "allocstats/rack/page/scale"
      autoload :Section, "allocstats/rack/page/section"
      autoload :Settings, "allocstats/rack/page/settings"
      autoload :Template, "allocstats/rack/page/template"
      autoload :Verdict, "allocstats/rack/page/verdict"
      autoload :Workers, "allocstats/rack/page/workers"

      TYPE = "text/html; charset=utf-8"

      # Nothing runs, shows or is sent that does not come from the same origin; nobody may frame the page. The origin is
      # told to this origin alone: a form that tells nobody could not be known for one of ours.
      HEADERS = {
        "content-security-policy" => "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " \
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        "referrer-policy" => "same-origin",
        "x-content-type-options" => "nosniff"
      }.freeze

      # The files that the page asks for, by their names below the mount point.
      ASSETS = {"page.css" => "text/css; charset=utf-8", "page.js" => "text/javascript; charset=utf-8"}.freeze

      # In the order in which they are shown.
      SECTIONS = [:Verdict, :Findings, :Ledger, :History, :Workers, :Limits, :Census, :Settings, :Figures, :Purge].freeze

      # The type and the text of one of ASSETS; nil for any other name.
      def self.asset(name)
        type = ASSETS[name] or return
        @assets ||= ASSETS.keys.to_h { |file| [file, File.read(File.join(__dir__, "page", file), encoding: Encoding::UTF_8).freeze] }.freeze
        [type, @assets.fetch(name)]
      end

      # What goes before the page's own paths, as the browser must ask for it: one slash at its beginning, none at its
      # end, and nothing in it that ends a path.
      def self.path(base)
        Path.escape(base.to_s).gsub(%r{\A/+|/+\z}, "").then { |inner| inner.empty? ? "" : "/#{inner}" }
      end

      # The document, and below which path it is served.
      attr_reader :document, :base

      # document:: the Hash of StatusDocument, with symbols as keys
      # base::     the path at which the endpoint is mounted, Rack's SCRIPT_NAME
      # change::   whether who asks may purge
      # outcome::  the Hash of the purge that was just asked for: Purge#to_h, or Workers::Purge#to_h
      # chosen::   the index of the worker whose ledger and history are to be shown, nil for the one that answers
      # peer::     the Hash of that worker (Peer) where it is another one
      def initialize(document, base:, change: false, outcome: nil, chosen: nil, peer: nil)
        @document = document
        @peer = peer
        @chosen = chosen if peer || part(:workers).fetch(:workers, []).any? { |row| row[:self] && row[:index] == chosen }
        @base = Page.path(base)
        @change = change
        @outcome = outcome
      end

      def change? = @change

      # The index of the worker that was chosen, of those there are; and what is known of it where it does not answer itself.
      attr_reader :chosen, :peer

      # What came of a purge, nil where none was asked for.
      attr_reader :outcome

      # The document's part of this name; an empty Hash where it could not be had.
      def part(name) = document[name] || {}

      def to_s = Layout.new(self).to_s

      # Without the document, which would fill a log.
      def inspect = "#<#{self.class} #{base}/>"
    end
  end
end
