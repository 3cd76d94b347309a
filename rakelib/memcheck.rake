# frozen_string_literal: true

# The Ruby tests under valgrind, which sees what the extension does to memory. Children that the tests start are not
# followed: they run under allocators of their own, and valgrind would put its malloc in their place.
namespace :memcheck do
  begin
    require "ruby_memcheck"

    configuration = RubyMemcheck::Configuration.new(
      binary_name: "allocstats",
      valgrind_options: RubyMemcheck::Configuration::DEFAULT_VALGRIND_OPTIONS - ["--trace-children=yes"] + ["--child-silent-after-fork=yes"]
    )
    RubyMemcheck::TestTask.new(configuration, :ruby) do |task|
      task.description = "Run the Ruby tests in valgrind's memcheck"
      task.libs = %w[lib test]
      task.test_files = FileList["test/**/*_test.rb"]
    end
    task ruby: :available
  rescue LoadError
    task(:ruby) { abort "ruby_memcheck is not in the bundle: `bundle install`" }
  end

  task available: :compile do
    CTests.need("valgrind", "valgrind libc6-dbg")
  end
end

desc "Run the tests in valgrind's memcheck, those in C and those in Ruby"
task memcheck: %w[c:valgrind memcheck:ruby]
