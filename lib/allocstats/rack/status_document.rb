# frozen_string_literal: true

module AllocStats
  module Rack
    # All that the endpoint tells of this process and its siblings, as one Hash, of one Snapshot: a report, what was asked of
    # the allocator, the workers and the history. A part that could not be read is nil, and `absent` says why.
    #
    # Of the environment there is nothing in it but what is meant for the allocator.
    class StatusDocument
      # What it has beyond a report, by the names of a snapshot.
      PARTS = [:settings, :workers, :history, :host_facts].freeze

      # A program that serves, and where it has its version.
      SERVERS = {puma: "Puma::Const::PUMA_VERSION", rack: "Rack::RELEASE", rails: "Rails::VERSION::STRING"}.freeze

      # What the top level repeats of `process`.
      FLAT = [:pid, :ruby_version, :ruby_platform, :puma, :rack, :ld_preload, :malloc_conf].freeze

      # Of these the last is for the doctor, costs as much as the others, and is no figure of the moment: it is read when
      # somebody asks for the whole.
      SHOWN = (PARTS - [:host_facts]).freeze

      attr_reader :report

      # snapshot:: answers each of PARTS, `report` and `health`; anything but a Snapshot is for tests
      def initialize(snapshot = Snapshot.new)
        @snapshot = snapshot
        @report = snapshot.report
        @absent = report.absent.dup
        @parts = SHOWN.to_h { |part| [part, read(part)] }
        @health = read(:health)&.slice(:status, :checks)
      end

      # What the page shows: the document with what the doctor finds.
      def shown = @shown ||= {**compose(report.to_h), diagnosis: diagnosis.to_h}

      # @return [Diagnosis]
      def diagnosis = @snapshot.diagnosis

      # Every key is there each time.
      def to_h
        @to_h ||= begin
          @parts = PARTS.to_h { |part| [part, @parts.fetch(part) { read(part) }] }
          compose(report.to_h)
        end
      end

      # The document, made once for all who get it.
      def json = @json ||= Formats::Json.generate(self)

      # The report as a page of text.
      def text = @text ||= Formats::Text.new(report, unicode: true).to_s

      private

      def compose(told)
        process = process(told.fetch(:process))
        process.slice(*FLAT).merge(told.slice(:allocstats, :time), {process: process}, told.slice(*Report::PARTS), @parts,
          {health: @health, absent: @absent})
      end

      def read(part) = Report.read(@snapshot, part, @absent)&.to_h

      def process(facts)
        facts.merge(SERVERS.transform_values { |path| Loaded.constant(path) }, ld_preload: ENV["LD_PRELOAD"], malloc_conf: ENV["MALLOC_CONF"])
      end
    end
  end
end
