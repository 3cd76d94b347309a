# frozen_string_literal: true

module AllocStats
  module Launch
    # `rails server` or `rackup`, of which this process has an object while it runs one. By the time that Puma's configuration
    # is read it may have put itself into the background and written its number down: started again, it would take itself for
    # another server that runs already.
    class RackServer
      # With Rack 2 and 3; Rails' own server is one of them.
      CLASSES = %w[Rackup::Server Rack::Server].freeze
      WORKER = "Puma::Cluster::Worker"
      LONGEST = 32

      # @return [RackServer, nil]
      def self.running
        server = CLASSES.filter_map { |name| objects(name).first }.first
        new(server.options) if server
      end

      def self.objects(name)
        type = Loaded.constant(name)
        type ? ObjectSpace.each_object(type).to_a : []
      end

      # @param options [Hash] of the server
      def initialize(options)
        @pidfile = options[:pid]
        @daemonize = options[:daemonize]
      end

      # Whether this is the server itself in the background: a fork whose parent has ended, and whose arguments are its own.
      def daemon? = !!@daemonize && RackServer.objects(WORKER).empty?

      # Whether its pidfile is a file that holds this process's number, and nothing else.
      def noted?
        @pidfile.is_a?(String) && File.lstat(@pidfile).file? && File.read(@pidfile, LONGEST).to_s.match?(/\A#{Process.pid}\s*\z/)
      rescue SystemCallError, ArgumentError
        false
      end

      # Takes that away for as long as the block runs, which mostly does not come back.
      def unnoted
        File.delete(@pidfile) if (taken = noted?)
        yield
      ensure
        put_back if taken
      end

      private

      # Unless another one is there.
      def put_back
        File.write(@pidfile, Process.pid.to_s, mode: File::CREAT | File::EXCL | File::WRONLY)
      rescue SystemCallError
        nil
      end
    end
  end
end
