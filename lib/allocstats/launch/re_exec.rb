# frozen_string_literal: true

module AllocStats
  module Launch
    # require "allocstats/preload": this process becomes itself again, under the allocator that is asked for (Choice), once;
    # or goes on as it is, with one warning.
    module ReExec
      # Holds which process was started again, so that none is twice: its children inherit the variable, and are others.
      GUARD = "ALLOCSTATS_PRELOADED"
      WARNED = "warned"

      module_function

      def call
        return if ENV.key?(ExecFilter::VARIABLES.first) # this process has what `exec --only` meant for it
        choice = Choice.new
        return if satisfied?(choice)
        server = RackServer.running
        return give_up(restarted) if restarted?(server)
        become(choice, server)
      rescue => error # nothing here is worth the program
        give_up(error.message)
      end

      # A server that put itself into the background is another process by then, and was started again before it did.
      def restarted?(server)
        ENV[GUARD] == identity || (server&.daemon? && ENV.key?(GUARD))
      end
      private_class_method :restarted?

      # Whether this process was started as it is asked for. Where nobody asks for an allocator, whichever was preloaded
      # is the right one.
      def satisfied?(choice)
        running?(choice.allocator) && in_force?(choice.profile)
      end
      private_class_method :satisfied?

      # "jemalloc", "jemalloc-5.3" and "jemalloc-5.3.1" are all asked of the same.
      def running?(asked)
        running = Allocators.bound_name.name
        return !LIBC_NAMES.include?(running) if asked.nil?
        return Procfs::Preloads.same_file?(Allocator.detect.path, asked) if asked.include?("/")
        return LIBC_NAMES.include?(running) if asked == "libc"
        asked == running || "#{running}-#{Allocators.bound_version}.".start_with?("#{asked}.")
      end
      private_class_method :running?

      # Whether the environment of the start has all that the profile stands for.
      def in_force?(profile)
        return true if profile.nil?
        start = Procfs::StartEnvironment.new
        start = start.readable? ? start.to_h : ENV.to_h
        options = Tuner::Profiles.starting(Allocators.bound_name, Tuner::Profiles.name_of(profile), Allocators.bound_version)
        options.all? { |option, value| option.given?(start, value) }
      rescue KeyError # an allocator without profiles
        true
      end
      private_class_method :in_force?

      def become(choice, server)
        command = StartCommand.new(daemon: server&.daemon?)
        return give_up(command.obstacle) if command.obstacle
        plan = Plan.new(allocator: choice.allocator || preloaded, profile: choice.profile)
        changes = plan.environment
        return give_up("nothing in the environment makes it otherwise") if changes.empty?
        [$stdout, $stderr].each(&:flush)
        start = -> { Kernel.exec({**changes, GUARD => identity}, *command.to_a, close_others: false) }
        server ? server.unnoted(&start) : start.call
      end
      private_class_method :become

      # The allocator that nobody asks for by name and that is there already.
      def preloaded
        running = Allocator.detect
        running.path if running.linkage == :preloaded
      end
      private_class_method :preloaded

      def restarted
        "it was started again with LD_PRELOAD=#{ENV["LD_PRELOAD"]}, and that is lost: something between the two wrote over it"
      end
      private_class_method :restarted

      # The pid, and the time of the start: exec keeps both.
      def identity
        "#{Process.pid}-#{Procfs::Folder.new("/proc/self").stat.start_time}"
      end
      private_class_method :identity

      # Once: what this process starts does not warn of the same again.
      def give_up(reason)
        warn("allocstats: this process goes on under #{Allocators.title} as it is: #{reason}") unless ENV[GUARD] == WARNED
        ENV[GUARD] = WARNED
        nil
      rescue IOError, SystemCallError # nobody listens
        nil
      end
      private_class_method :give_up
    end
  end
end
