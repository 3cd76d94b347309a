# frozen_string_literal: true

module AllocStats
  # What `rails generate` finds of allocstats.
  module Generators
    # `rails generate allocstats:install`: writes config/initializers/allocstats.rb, in which each option is explained
    # and none is set.
    class InstallGenerator < ::Rails::Generators::Base
      namespace "allocstats:install"
      source_root File.expand_path("templates", __dir__)
      desc "Writes config/initializers/allocstats.rb, in which each option of allocstats is explained and none is set."

      def write_initializer
        copy_file "allocstats.rb", "config/initializers/allocstats.rb"
      end

      # Not written into a file of the application's own: its config/puma.rb can have any shape.
      def tell_of_the_plugin
        say "With Puma workers, add `plugin :allocstats` to config/puma.rb: any worker then answers for all." if File.exist?("config/puma.rb")
      end
    end
  end
end
