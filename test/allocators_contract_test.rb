# frozen_string_literal: true

require "test_helper"
require "support/under_each"

# What the module of each allocator has to fulfil (Allocators::Contract), in real processes under it; what its C has to is in
# allocator_contract_test.rb.
module AllocatorsContract
  # Code in which `room` is the module of the allocator that runs.
  def room(code, **options) = child("room = AllocStats::Allocators.running; #{code}", **options)

  def allocator = self.class::ENTRY.name

  def test_the_module_of_its_name_is_the_running_one
    assert_equal [allocator.to_s, true], room("[room.id, room.singleton_class.include?(AllocStats::Allocators::Contract)]")
  end

  def test_each_method_of_its_native_api_works_here_and_says_no_elsewhere
    failed, missing, answered = room(<<~RUBY)
      apis = AllocStats::Allocators.map(&:native_api).compact
      refusal = ->(method) do
        AllocStats.public_send(method)
        nil
      rescue => error
        [error.class.name, error.message]
      end
      # the others need arguments, and have tests of their own
      plain = ->(api) { api::METHODS.select { |method| api.instance_method(method).arity.zero? || api.instance_method(method).parameters == [[:opt, :pad]] } }
      own, others = apis.partition { |api| api == room.native_api }
      [
        own.flat_map { |api| plain.(api).filter_map { |method| refusal.(method) } },
        apis.flat_map { |api| [*api::METHODS, *api::NEEDLESS.keys, *api::HELP.keys].reject { |method| api.method_defined?(method) && AllocStats.respond_to?(method) } },
        others.flat_map { |api| plain.(api).reject { |method| refusal.(method)&.first == "AllocStats::Unsupported" } }
      ]
    RUBY
    assert_empty failed
    assert_empty missing
    assert_empty answered
  end

  # A dump that was cut off is refused or understood as far as it goes: no third thing comes of it.
  def test_its_census_understands_its_own_dump_and_refuses_what_is_none
    dumped, keys, outcomes, cut = room(<<~'RUBY')
      outcome = ->(text) do
        room.census(text).class.name
      rescue AllocStats::Malformed
        "refused"
      rescue => error
        error.class.name
      end
      _, text, = AllocStats::Allocators.stats_dump
      cut = text ? Array.new(40) { |part| text[0, text.size * part / 40] } : []
      [!text.nil?, (room.census(text).keys if text), ["", "x", "<>", "\0\n"].map(&outcome), cut.map(&outcome).uniq]
    RUBY
    assert_equal AllocStats::Allocators.able(:census).include?(allocator), dumped
    assert_equal ["refused"], outcomes.uniq
    assert_empty cut - %w[refused Hash]
    return unless dumped
    refute_empty keys
    assert_empty keys - %w[figures arenas bins details]
  end

  def test_its_census_has_only_figures_that_there_are
    figures, known = room("[(AllocStats.census.figures rescue {}), AllocStats.figures.keys]")
    assert_empty figures.keys - known.map(&:to_sym)
    assert figures.values.all?(Integer)
  end

  # What `options` says of one, holds: it is read, its own value fits it, and its line is understood by `environment`.
  def test_its_options_are_readable_and_take_what_they_have
    failures = room(<<~RUBY)
      options = room.options
      names = options ? options.usual : []
      bad = names.reject { |name| options.known?(name.to_s) && (option = options.option(name.to_s)).is_a?(AllocStats::Allocators::Option) && option.name.is_a?(Symbol) }
      wrong = names.filter_map do |name|
        option = options.option(name.to_s)
        value = option.value
        next if value.nil? || option.check(value) == value
        [name, value]
      rescue AllocStats::InvalidValue => error
        [name, error.message]
      end
      bad + wrong
    RUBY
    assert_empty failures
  end

  def test_what_no_allocator_calls_so_is_no_option
    assert_equal [nil, false], room('options = room.options; options ? [options.option("no_such_option"), options.known?("no_such_option")] : [nil, false]')
  end

  # A profile as a process starts with it is in force in that process, by what its own environment says.
  AllocStats::Tuner::Profiles::NAMES.each do |profile|
    define_method("test_its_profile_#{profile}_is_in_force_where_its_lines_are_in_the_environment") do
      asked, variables = room(<<~RUBY)
        version = AllocStats::Allocators.bound_version
        profile = room.profiles(version)[:#{profile}]
        options = profile ? AllocStats::Tuner::Profiles.starting(room.id, :#{profile}, version) : []
        lines = options.filter_map { |option, value| option.line(value) }
        variables = lines.group_by(&:first).to_h { |variable, of| [variable, of.map(&:last).join(AllocStats::Allocators.separator(variable) || " ")] }
        [options.map { |option, _| option.name }, variables]
      RUBY
      next assert_empty(variables) if asked.empty?
      variables = variables.transform_keys(&:to_s)
      settings = room("room.environment(AllocStats::Procfs::StartEnvironment.new.to_h).map(&:to_h)", env: variables)
      mine = settings.select { |setting| variables.key?(setting[:source]) }
      refute_empty mine
      assert_empty mine.reject { |setting| %w[in_force unreadable].include?(setting[:state]) }
      assert mine.all? { |setting| setting[:allocator] == allocator.to_s }
      heard = room("#{variables.keys.inspect}.map { |variable| [room.steering.match?(variable), AllocStats::Allocators.of_variable(variable)&.id || room.id] }")
      assert_equal [[true, allocator.to_s]] * variables.size, heard
    end
  end

  def test_its_library_is_one_of_its_packages
    entry = self.class::ENTRY
    packages = AllocStats::Allocators.fetch(entry.name).packages
    return assert_nil(packages, "what the C library brings needs no package") unless entry.library
    assert_match packages.file, entry.library
    refute_match packages.file, "libother.so.1"
    refute_empty packages.hint
  end

  def test_what_runs_is_the_c_librarys_or_can_be_preloaded
    room = AllocStats::Allocators.fetch(allocator)
    assert room.packages.nil? ^ room.libc.nil?
  end

  def test_its_faults_are_of_its_versions
    room = AllocStats::Allocators.fetch(allocator)
    assert_empty room.known_faults(nil)
    assert_empty room.known_faults("0.0.1")
    room.faults.each do |fault|
      assert_includes %i[asked_for keeps forks_hastily], fault.condition
      assert_includes %i[wrong warning], fault.severity
      [fault.fault, fault.source, fault.remedy].each { |text| refute_empty text }
      assert_equal fault.condition == :asked_for, !fault.asked.nil?
      assert fault.versions.any?
    end
  end

  UnderEach.of(self)
end

# The form of each line of the list, whichever this machine can run.
class AllocatorsListTest < Minitest::Test
  SLOTS = AllocStats::Allocators::Contract.public_instance_methods(false)

  def test_each_answers_the_whole_contract_and_no_more
    AllocStats::Allocators.each do |allocator|
      assert_empty SLOTS.reject { |slot| allocator.respond_to?(slot) }, allocator
      assert_empty allocator.singleton_methods(false) - SLOTS - native_functions(allocator), "#{allocator} has methods that no contract knows"
    end
  end

  # What the extension put there.
  def native_functions(allocator)
    allocator.singleton_methods(false).select { |name| allocator.method(name).source_location.nil? }
  end

  def test_no_variable_speaks_to_two
    %w[MALLOC_CONF MALLOC_ARENA_MAX MIMALLOC_VERBOSE mimalloc_purge_delay TCMALLOC_RELEASE_RATE PATH LD_PRELOAD MALLOC_FOO].each do |variable|
      assert_operator AllocStats::Allocators.count { |allocator| allocator.variables.match?(variable) }, :<=, 1, variable
    end
  end

  def test_no_file_is_of_two
    TestAllocators.filter_map(&:library).uniq.each do |library|
      assert_equal 1, AllocStats::Allocators.preloadable.count { |allocator| allocator.packages.file.match?(library) }, library
    end
  end

  def test_a_name_that_is_not_known_is_nobody
    assert_nil AllocStats::Allocators[:hoard]
    assert_raises(KeyError) { AllocStats::Allocators.fetch(:hoard) }
  end

  def test_who_has_profiles_has_all_of_them_and_options
    AllocStats::Allocators.each do |allocator|
      names = allocator.profiles("1.0.0").keys
      assert_includes [[], AllocStats::Tuner::Profiles::NAMES], names
      assert_equal names.any?, !allocator.options.nil?, allocator
    end
  end
end
