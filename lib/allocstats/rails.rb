# frozen_string_literal: true

module AllocStats
  # AllocStats in a Rails application. Only the Railtie loads this: without Rails, none of it is there.
  #
  # Inside of AllocStats the framework is ::Rails.
  module Rails
    autoload :Console, "allocstats/rails/console"
    autoload :ControllerRuntime, "allocstats/rails/controller_runtime"
    autoload :Mount, "allocstats/rails/mount"
    autoload :Notifications, "allocstats/rails/notifications"
    autoload :Quiet, "allocstats/rails/quiet"
    autoload :Server, "allocstats/rails/server"
    autoload :Tasks, "allocstats/rails/tasks"
  end
end
