# frozen_string_literal: true

require "test_helper"
require "tmpdir"

class PreloadsTest < Minitest::Test
  Environment = Struct.new(:variables, :readable, :ancestors, :pid) do
    def [](name) = variables[name]

    def readable? = readable
  end

  def requests(preload, loaded: [], system_wide: "", ancestors: [], secure: false, readable: true)
    environment = Environment.new({"LD_PRELOAD" => preload}, readable, ancestors, 1)
    AllocStats::Procfs::Preloads.new(loaded: loaded, secure: secure, environment: environment, system_wide: system_wide).requests
  end

  def test_names_paths_spaces_and_colons
    loaded = ["", "/lib/libjemalloc.so.2", "/opt/libfaketime.so"]
    found = requests("libjemalloc.so.2 /opt/libfaketime.so::libother.so", loaded: loaded)
    assert_equal %w[libjemalloc.so.2 /opt/libfaketime.so libother.so], found.map(&:entry)
    assert_equal ["/lib/libjemalloc.so.2", "/opt/libfaketime.so", nil], found.map(&:loaded)
  end

  def test_only_allocators_count_as_failed
    environment = Environment.new({"LD_PRELOAD" => "libfaketime.so:libjemalloc.so.2"}, true, [], 1)
    preload = AllocStats::Procfs::Preloads.new(loaded: [], environment: environment, system_wide: "")
    assert_equal ["libjemalloc.so.2"], preload.failed.map(&:entry)
  end

  def test_the_system_wide_file_counts_too
    found = requests("", loaded: ["/usr/lib/libmimalloc.so.2"], system_wide: "/usr/lib/libmimalloc.so.2\n")
    assert_equal [:file], found.map(&:source)
  end

  def test_an_ancestor_that_had_it
    ancestor = Environment.new({"LD_PRELOAD" => "libjemalloc.so.2"}, true, [], 17)
    found = requests("libfaketime.so", ancestors: [ancestor, ancestor])
    assert_equal [:environment, :ancestor], found.map(&:source)
    assert_match(/process 17, an ancestor/, found.last.reason)
  end

  def test_odd_values_are_no_crash
    ["", " : :", "\0", "a\0b", "\xff\xfe", "/" * 5000, "x" * 100_000, "/proc/self/mem", "/dev/null", "/tmp"].each do |value|
      requests(value).each { |request| assert_kind_of String, request.reason }
    end
  end

  def test_the_environment_of_processes
    Dir.mktmpdir do |root|
      made(root, 30, "A=1\0LD_PRELOAD=x.so\0", 20)
      made(root, 20, "B=2\0", 1)
      made(root, 1, "puma: cluster worker 0", 0)
      environment = AllocStats::Procfs::StartEnvironment.new(30, root: root)
      assert_equal "x.so", environment["LD_PRELOAD"]
      assert_nil environment["C"]
      assert_equal [20], environment.ancestors.map(&:pid)
      refute_predicate AllocStats::Procfs::StartEnvironment.new(1, root: root), :readable?
      refute_predicate AllocStats::Procfs::StartEnvironment.new(99, root: root), :readable?
    end
  end

  # A program that writes over its arguments and what follows them leaves such an environ.
  def test_an_environment_of_nuls_alone_is_none
    Dir.mktmpdir do |root|
      Dir.mkdir("#{root}/4711")
      {"\0" * 100 => false, "" => true, "A=1\0\0\0" => true}.each do |text, readable|
        File.binwrite("#{root}/4711/environ", text)
        assert_equal readable, AllocStats::Procfs::StartEnvironment.new(4711, root: root).readable?, text.inspect
      end
    end
  end

  def test_a_circle_of_parents_ends
    Dir.mktmpdir do |root|
      made(root, 5, "A=1\0", 6)
      made(root, 6, "A=1\0", 5)
      assert_operator AllocStats::Procfs::StartEnvironment.new(5, root: root).ancestors.size, :<=, AllocStats::Procfs::StartEnvironment::MOST_ANCESTORS
    end
  end

  private

  def made(root, pid, environ, parent)
    Dir.mkdir(folder = File.join(root, pid.to_s))
    File.binwrite(File.join(folder, "environ"), environ)
    File.write(File.join(folder, "stat"), "#{pid} (a (odd) name) S #{parent} 1 1 0 -1")
  end
end
