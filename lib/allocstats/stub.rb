# frozen_string_literal: true

module AllocStats
  # In the extension's place where there is none, on other platforms than Linux and other Rubies than CRuby: the gem loads,
  # so that one Gemfile serves everybody, and whatever is asked of it is Unsupported. What an application only passes by,
  # at the end of a request or when its server starts, does nothing and says so.
  module Stub
    MESSAGE =
      if RbConfig::CONFIG["host_os"].include?("linux")
        "allocstats needs the C interface of CRuby; this Ruby is #{RUBY_ENGINE}"
      else
        "allocstats measures Linux processes; this platform is #{RbConfig::CONFIG["host_os"]}"
      end

    # What is the same everywhere.
    ANSWERED = %i[supported? help configure configuration].freeze

    # Puts itself before a facade: its methods, and those that the extension would have added.
    def self.cover(facade)
      left = facade.singleton_methods - instance_methods - ANSWERED
      left.each { |name| define_method(name) { |*, **| raise Unsupported, MESSAGE } }
      facade.singleton_class.prepend(self)
    end

    def safe_point = false

    def thread_bytes = nil

    def start(**) = false

    def stop = false

    def started? = false

    def measure = raise(Unsupported, MESSAGE)
  end
end
