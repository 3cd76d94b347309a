# frozen_string_literal: true

require "test_helper"
require "open3"
require "tmpdir"

class ElfFileTest < Minitest::Test
  COMPILERS = {"gcc" => :glibc, "musl-gcc" => :musl}.freeze

  def setup
    @folder = Dir.mktmpdir("allocstats-elf")
  end

  def teardown
    FileUtils.rm_rf(@folder)
  end

  def library(*compiler)
    File.write("#{@folder}/a.c", "#include <string.h>\nvoid *copy(void *to, const void *from, unsigned long n) { return memcpy(to, from, n); }\n")
    _, status = Open3.capture2e(*compiler, "-shared", "-fPIC", "#{@folder}/a.c", "-o", "#{@folder}/a.so")
    status.success? ? "#{@folder}/a.so" : skip("#{compiler.join(" ")} compiles nothing here")
  rescue Errno::ENOENT
    skip "#{compiler.first} is not here"
  end

  def elf(path) = AllocStats::Procfs::ElfFile.new(path)

  COMPILERS.each do |compiler, libc|
    define_method("test_a_library_of_#{compiler}") do
      assert_equal libc, elf(library(compiler)).libc
    end
  end

  # What readelf says, of every library that the running Ruby has loaded.
  def test_what_a_file_needs
    paths = File.read("/proc/self/maps").scan(%r{/\S+\.so[\w.]*$}).uniq
    refute_empty paths
    (paths + [RbConfig.ruby]).each do |path|
      output, status = Open3.capture2e({"LC_ALL" => "C"}, "readelf", "-dl", path)
      skip "readelf is not here" unless status.success?
      dynamic = AllocStats::Procfs::ElfFile::Dynamic.read(path)
      assert_equal output.scan(/NEEDED.*\[(.*)\]/).flatten, dynamic.needed, path
      assert_equal output.scan(/interpreter: (.*)\]/).flatten, [dynamic.interpreter].compact, path
    end
  rescue Errno::ENOENT
    skip "readelf is not here"
  end

  def test_this_process_itself
    assert_includes %i[glibc musl], AllocStats::Procfs::ElfFile.own.libc
    assert_nil AllocStats::Procfs::ElfFile.own.refusal
  end

  def test_what_is_no_library
    assert_equal "there is no such file", elf("#{@folder}/none").refusal
    assert_equal "it is no file", elf(@folder).refusal
    assert_equal "it is no shared library", elf(__FILE__).refusal
    assert_nil elf(__FILE__).libc
  end

  def test_another_architecture
    assert_equal "it was built for another architecture", elf(library("aarch64-linux-gnu-gcc")).refusal unless RbConfig::CONFIG["host_cpu"].match?(/aarch64|arm64/)
  end

  def test_damage_is_no_crash
    bytes = File.binread(library("gcc"))
    random = Random.new(7)
    1000.times do |i|
      damaged = bytes.dup
      random.rand(1..40).times { damaged.setbyte(random.rand([64, 600, bytes.bytesize].sample(random: random)), random.rand(256)) }
      damaged = damaged[0, random.rand(bytes.bytesize)] if i % 3 == 0
      File.binwrite("#{@folder}/damaged.so", damaged)
      assert_includes [nil, :glibc, :musl], elf("#{@folder}/damaged.so").libc
    end
  end
end
