# frozen_string_literal: true

module AllocStats
  module Rack
    # One snapshot with what is judged and told of it, for one document: health, doctor and metrics look at the same readings
    # that the page and the JSON show.
    class Snapshot < AllocStats::Snapshot
      # @param limits [Diagnosis::Limits] what health is judged by
      def initialize(limits: Diagnosis::Limits.default, **options)
        super(**options)
        @limits = limits
      end

      # @return [Diagnosis::HostFacts]
      def host_facts = @host_facts ||= Diagnosis::HostFacts.read(process)

      # What the doctor finds in this process, without a census.
      # @return [Diagnosis]
      def diagnosis = @diagnosis ||= Diagnosis.of(process)

      # @return [Health]
      def health = @health ||= Health.new(@limits, server)

      # @return [Metrics]
      def metrics = @metrics ||= Metrics.new(Metrics::Reading.new(limits: @limits, target: server))

      # @return [Report]
      def report = @report ||= Report.new(self)

      private

      # This process, and this process with its siblings, for who judges.
      def process = @process ||= Diagnosis::Target::Cheap.new(limits: @limits, snapshot: self)

      def server = @server ||= Diagnosis::Target::Server.new(limits: @limits, snapshot: self)
    end
  end
end
