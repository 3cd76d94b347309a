# frozen_string_literal: true

module AllocStats
  # Brings back in every forked child what the fork took from its allocator: jemalloc's background threads, which do not
  # survive a fork although opt.background_thread goes on saying true. The extension notes before each fork whether they
  # ran, so whoever runs without them forks as before.
  #
  # Process._fork is what fork, Kernel#fork and IO.popen("-") go through (Ruby 3.1 and later); Process.daemon forks by
  # itself.
  module AfterFork
    def _fork
      super.tap { |pid| AfterFork.repair if pid.zero? }
    end

    def daemon(...)
      super.tap { AfterFork.repair }
    end

    Process.singleton_class.prepend(self)
  end
end
