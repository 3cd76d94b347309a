# frozen_string_literal: true

module AllocStats
  # Loads what answering the endpoint, probes and scrapes takes, in the process that forks workers: what is loaded before is
  # shared by all of them, and no request waits for it. What is found out once for the life of a process, whose malloc it
  # is and what it was started with, the workers then have from it too.
  module EagerLoad
    # What no answer enters, or what a framework is needed for.
    APART = %w[
      Command Procfs::ElfFile Help Launch Metrics::PrometheusClient Metrics::Yabeda Rails Railtie Sidekiq
    ].map { |path| "AllocStats::#{path}" }.freeze

    # Some of ours mean something else by `name`.
    NAME = Module.instance_method(:name)

    module_function

    def call
      below(AllocStats, "AllocStats")
      Rack::Page::ASSETS.each_key { |name| Rack::Page.asset(name) }
      Rack::StatusDocument.new.json # what it enters of the rooms apart, and what is kept
      nil
    end

    # Naming a constant loads its file.
    def below(room, room_path)
      room.constants(false).each do |name|
        path = "#{room_path}::#{name}"
        next if APART.include?(path)
        constant = room.const_get(name, false)
        below(constant, path) if constant.is_a?(Module) && NAME.bind_call(constant) == path
      end
    end
    private_class_method :below
  end
end
