# frozen_string_literal: true

require_relative "../loaded" # this one is asked where nothing else of allocstats is loaded, too

module AllocStats
  module Rails
    # Whether this process serves requests: then, and not in consoles, tasks, runners and generators, the agent runs by
    # default.
    #
    # That a server's gem is loaded says nothing, since Bundler.require loads it everywhere. What counts is the object
    # that runs it, which there is before the application boots.
    module Server
      # A server, and the class of which it has an object while it runs.
      CLASSES = {
        "rails server" => "Rails::Server",
        "Puma" => "Puma::Launcher",
        "Unicorn" => "Unicorn::HttpServer",
        "Pitchfork" => "Pitchfork::HttpServer"
      }.freeze

      module_function

      # The name of the server that runs this process, or nil.
      def running
        return "Passenger" if Loaded.constant("PhusionPassenger::App")

        CLASSES.find { |_, constant| runs?(Loaded.constant(constant)) }&.first
      end

      def runs?(type)
        ObjectSpace.each_object(type) { return true } if type
        false
      end
    end
  end
end
