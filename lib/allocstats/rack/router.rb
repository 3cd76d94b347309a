# frozen_string_literal: true

module AllocStats
  module Rack
    # What can be asked for below the mount point, how, and what permission it needs.
    module Router
      # name::       what the Endpoint does
      # methods::    the request methods it answers
      # permission:: :none, :read or :change
      Resource = Struct.new(:name, :methods, :permission) do
        def answers?(method) = methods.include?(method)
      end

      READING = ["GET", "HEAD"].freeze
      CHANGING = ["POST"].freeze

      TABLE = {
        "" => :status,
        "/" => :status,
        ".json" => :json,
        "/.json" => :json,
        "/report.json" => :json,
        "/report.txt" => :text,
        "/doctor.json" => :doctor,
        "/doctor.txt" => :doctor_text,
        "/metrics" => :metrics,
        "/history.json" => :history,
        "/workers.json" => :workers,
        "/census.json" => :census,
        "/settings.json" => :settings,
        "/page.css" => :asset,
        "/page.js" => :asset
      }.transform_values { |name| Resource.new(name, READING, :read).freeze }.merge({
        "/health" => :health,
        "/health/ready" => :health,
        "/health/live" => :live
      }.transform_values { |name| Resource.new(name, READING, :none).freeze }).merge({
        "/purge" => :purge,
        "/tune" => :tune
      }.transform_values { |name| Resource.new(name, CHANGING, :change).freeze }).freeze

      # @return [Resource, nil]
      def self.find(path) = TABLE[path.to_s]
    end
  end
end
