# frozen_string_literal: true

# The Ruby tests under valgrind, which sees what the extension does to memory. Children that the tests start are not
# followed: they run under allocators of their own, and valgrind would put its malloc in their place. So what runs in
# children alone is left out: builds, servers, commands, and the start environment, in which valgrind itself is preloaded.
namespace :memcheck do
  in_children = %w[build bundle packaging support docs signatures preload private_heap other_process launch elf_file
    command_\w+ doctor_\w+ fleet heap_profile_chromium page_chromium page_servers puma_hang rack_door rack_mounts rack_peer rack_server rack_oldest rails_\w+
    ruby_matrix sidekiq solid_queue
    workers_servers]

  begin
    require "ruby_memcheck"

    # Leaks are not looked for: of malloc's blocks the extension keeps none, and a Ruby before 3.4 frees none of its own
    # when it ends. What the private heap holds is counted, and tested by that count.
    instead = {"--trace-children=yes" => "--trace-children=no", "--show-leak-kinds=definite" => "--show-leak-kinds=none"}
    options = RubyMemcheck::Configuration::DEFAULT_VALGRIND_OPTIONS.map { |option| instead.fetch(option, option) }
    configuration = RubyMemcheck::Configuration.new(binary_name: "allocstats", valgrind_options: options + ["--child-silent-after-fork=yes"])

    RubyMemcheck::TestTask.new(configuration, :ruby) do |task|
      task.description = "Run the Ruby tests in valgrind's memcheck"
      task.libs = %w[lib test]
      task.test_files = FileList["test/**/*_test.rb"]
        .exclude(%r{^test/(#{in_children.join("|")})_test\.rb$})
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
