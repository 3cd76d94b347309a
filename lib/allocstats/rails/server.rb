# frozen_string_literal: true

module AllocStats
  module Rails
    # Whether this process serves requests: then, and not in consoles, tasks, runners and generators, the sampler runs by
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
        return "Passenger" if loaded("PhusionPassenger::App")

        CLASSES.find { |_, constant| runs?(loaded(constant)) }&.first
      end

      def runs?(type)
        ObjectSpace.each_object(type) { return true } if type
        false
      end

      # The constant, where something else has loaded it already.
      def loaded(path)
        path.split("::").reduce(Object) do |scope, name|
          break if scope.autoload?(name, false) || !scope.const_defined?(name, false)
          scope.const_get(name, false)
        end
      end
    end
  end
end
