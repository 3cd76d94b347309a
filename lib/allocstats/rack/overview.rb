# frozen_string_literal: true

module AllocStats
  module Rack
    # All that the endpoint tells of this process and its siblings, as one Hash: a report, what was asked of the allocator,
    # the workers and the history. A part that could not be read is nil, and `absent` says why.
    #
    # Of the environment there is nothing in it but what is meant for the allocator.
    class Overview
      # What it has beyond a report, by the names of the facade.
      PARTS = [:settings, :workers, :history, :host_facts].freeze

      # A program that serves, and where it has its version.
      SERVERS = {puma: "Puma::Const::PUMA_VERSION", rack: "Rack::RELEASE", rails: "Rails::VERSION::STRING"}.freeze

      # What the top level repeats of `process`.
      FLAT = [:pid, :ruby_version, :ruby_platform, :puma, :rack, :ld_preload, :malloc_conf].freeze

      attr_reader :report

      # health:: of which the status and the checks stand under `health`
      # source:: answers each of PARTS; anything but AllocStats is for tests
      def initialize(report, health: nil, source: AllocStats)
        @report = report
        @health = health
        @absent = report.absent.dup
        @parts = PARTS.to_h { |part| [part, Report.read(source, part, @absent)&.to_h] }
      end

      # Every key is there each time.
      def to_h = @to_h ||= compose(report.to_h)

      # The document, made once for all who get it.
      def json = @json ||= Formats::Json.generate(self)

      # The report as a page of text.
      def text = @text ||= Formats::Text.new(report, unicode: true).to_s

      private

      def compose(told)
        process = process(told.fetch(:process))
        process.slice(*FLAT).merge(told.slice(:allocstats, :time), {process: process}, told.slice(*Report::PARTS), @parts,
          {health: @health&.to_h&.slice(:status, :checks), absent: @absent})
      end

      def process(facts)
        facts.merge(SERVERS.transform_values { |path| Loaded.constant(path) }, ld_preload: ENV["LD_PRELOAD"], malloc_conf: ENV["MALLOC_CONF"])
      end
    end
  end
end
