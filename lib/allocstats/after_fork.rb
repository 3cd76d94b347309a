# frozen_string_literal: true

module AllocStats
  # Brings back in every forked child what the fork took away: the agent's thread where it is wanted, and jemalloc's
  # background threads, which do not survive a fork although opt.background_thread goes on saying true. The extension notes
  # before each fork whether they ran, so whoever runs without them forks as before.
  #
  # Process._fork is what fork, Kernel#fork and IO.popen("-") go through (Ruby 3.1 and later); Process.daemon forks by
  # itself.
  module AfterFork
    @in_child = []
    @in_parent = []

    class << self
      # Has the block called in every child that is forked from now on.
      def child(&block)
        @in_child << block
      end

      # The same in the parent, which has a child now.
      def parent(&block)
        @in_parent << block
      end

      def parted
        @in_parent.each(&:call)
      end

      # In the child, once the fork is over.
      def renew
        repair
        @in_child.each(&:call)
      end
    end

    def _fork
      super.tap { |pid| pid.zero? ? AfterFork.renew : AfterFork.parted }
    end

    def daemon(...)
      super.tap { AfterFork.renew }
    end

    Process.singleton_class.prepend(self)
  end
end
