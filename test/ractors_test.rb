# frozen_string_literal: true

require "test_helper"

# The facade from a Ractor that is not the main one.
class RactorsTest < Minitest::Test
  # What each method needs to be called at all.
  ARGUMENTS = {
    mallctl: ["arenas.narenas"], mallctl_many: ["arenas.narenas"], mi_option: [:purge_delay], mallopt: [:top_pad, 131_072],
    tcmalloc_property: ["tcmalloc.max_total_thread_cache_bytes"], tune: [:balanced]
  }.freeze

  # name => what came of it, each in a Ractor of its own.
  CALLS = <<~RUBY
    def outcome(name, arguments)
      answer = (name == :measure) ? AllocStats.measure { "x" * 10 } : AllocStats.public_send(name, *arguments)
      ["ok", answer.class.name]
    rescue Exception => error
      [error.class.name, error.message]
    end

    def in_ractor(name)
      ractor = Ractor.new(name, #{ARGUMENTS}.fetch(name, [])) { |method, arguments| outcome(method, arguments) }
      ractor.respond_to?(:value) ? ractor.value : ractor.take
    end
  RUBY

  FACADE = AllocStats.singleton_methods - Object.singleton_methods - [:supported?]
  ANYWHERE = FACADE - AllocStats::Ractors::MAIN_ALONE - AllocStats::Ractors::ONCE_LOADED

  def outcomes(names, before: nil, **options)
    ChildProcess.ruby("#{CALLS}; #{before}; #{names}.to_h { |name| [name, in_ractor(name)] }", options: ["-W:no-experimental"], **options).value
  end

  def test_what_needs_the_main_one_says_so
    outcomes(AllocStats::Ractors::MAIN_ALONE).each do |name, (error, message)|
      assert_equal "AllocStats::Unsupported", error, "#{name}: #{message}"
      assert_match(/\AAllocStats\.#{name} works in the main Ractor alone; /, message)
    end
  end

  def test_each_method_is_told_of
    gone = (AllocStats::Ractors::MAIN_ALONE + AllocStats::Ractors::ONCE_LOADED).reject { |name| AllocStats.method(name).super_method }
    assert_empty gone, "they are guarded, and the facade has them no more"
    assert_empty %i[sample measure safe_point thread_bytes] - ANYWHERE
  end

  TestAllocators.each do |entry|
    # In a process in which nothing was asked for before.
    define_method("test_what_works_in_every_one_under_#{entry.key}") do
      skip entry.missing if entry.missing
      outcomes(ANYWHERE, allocator: entry).each do |name, (outcome, message)|
        next if outcome == "ok"
        assert_equal ["AllocStats::Unsupported", true], [outcome, %i[mallctl mallctl_many].include?(name)], "#{name}: #{message}"
      end
    end

    define_method("test_what_only_needs_to_be_loaded_under_#{entry.key}") do
      skip entry.missing if entry.missing
      names = AllocStats::Ractors::ONCE_LOADED
      outcomes(names, allocator: entry).each do |name, (outcome, message)|
        assert_includes ["ok", "AllocStats::Unsupported"], outcome, "#{name}: #{message}"
      end
      loaded = outcomes(names, before: "#{names}.each { |name| outcome(name, #{ARGUMENTS}.fetch(name, [])) }", allocator: entry)
      unsupported = loaded.reject { |name, (outcome, message)| outcome == "ok" || message.match?(/ runs this process|#{entry.name}/) }
      assert_empty unsupported
    end
  end
end
