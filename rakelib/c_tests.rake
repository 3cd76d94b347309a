# frozen_string_literal: true

require "rbconfig"
require_relative "../ext/allocstats/build/c_sources"

# The core (CSources.core) knows no Ruby, so it is tested without one: compiled together with test/c into one
# program, whose private heap is the C library's (ALLOCSTATS_PRIVATE_LIBC), in every way listed in CTests::BUILDS.
module CTests
  FOLDER = "ext/allocstats"
  SOURCES = AllocStats::Build::CSources
  CORE = SOURCES.core.map { |path| File.join(FOLDER, path) }
  TESTS = FileList["test/c/**/*.c"]
  HEADERS = FileList["#{FOLDER}/**/*.{h,def}", "test/c/**/*.h"]
  FORMATTED = FileList["{ext,test,bench}/**/*.{c,h}"]

  FLAGS = %W[-std=gnu11 -g -O1 -fno-omit-frame-pointer -pthread -Wall -Wextra -Wconversion -Werror
    -DALLOCSTATS_PRIVATE_LIBC -DALLOCSTATS_PRIVATE_VERSION="the-hosts" -I#{FOLDER} -Itest/c].freeze

  # compiler, flags:: how it is built
  # runner::          what the program is run with
  # environment::     what the sanitizers are told
  # packages::        Debian's, for when a program is missing
  # about::           the description of the task
  Build = Struct.new(:name, :compiler, :flags, :runner, :environment, :packages, :about, keyword_init: true) do
    def folder = "tmp/c_tests/#{name}"

    def program = "#{folder}/core_test"

    def object(source) = "#{folder}/#{source.delete_prefix("#{FOLDER}/").tr("/", "_").ext("o")}"

    def flags = FLAGS + Array(self[:flags])

    def runner = Array(self[:runner])
  end

  BUILDS = [
    Build.new(name: :gcc, compiler: "gcc", packages: "gcc libc6-dev", about: "with gcc"),
    Build.new(name: :clang, compiler: "clang", packages: "clang", about: "with clang"),
    Build.new(name: :asan, compiler: "clang", flags: %w[-fsanitize=address],
      environment: {"ASAN_OPTIONS" => "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1"},
      packages: "clang libclang-rt-14-dev", about: "under AddressSanitizer, leaks included"),
    Build.new(name: :ubsan, compiler: "clang", flags: %w[-fsanitize=undefined,implicit-conversion -fno-sanitize-recover=all],
      environment: {"UBSAN_OPTIONS" => "print_stacktrace=1"},
      packages: "clang libclang-rt-14-dev", about: "under UndefinedBehaviorSanitizer"),
    Build.new(name: :valgrind, compiler: "gcc", runner: %w[valgrind --quiet --error-exitcode=9 --leak-check=full
      --max-stackframe=4194304 --suppressions=test/c/valgrind.supp], # a test has a frame of 2 MB
      packages: "gcc valgrind", about: "under valgrind's memcheck"),
    Build.new(name: :musl, compiler: "musl-gcc", packages: "musl-tools", about: "with the musl C library"),
    Build.new(name: :arm64, compiler: "aarch64-linux-gnu-gcc", runner: %w[qemu-aarch64 -L /usr/aarch64-linux-gnu],
      packages: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user", about: "cross-built, on arm64 under qemu-user")
  ].freeze

  module_function

  def need(program, packages)
    return if ENV["PATH"].split(":").any? { |folder| File.executable?(File.join(folder, program)) }

    abort "#{program} is not on this machine: `apt-get install #{packages}`"
  end

  # A tool that looks at sources has to see them as the compiler does; Ruby's headers are none of its business.
  def flags_for_tools
    FLAGS + %w[rubyhdrdir rubyarchhdrdir].flat_map { |name| ["-isystem", RbConfig::CONFIG[name]] }
  end
end

namespace :c do
  CTests::BUILDS.each do |build|
    directory build.folder

    objects = (CTests::CORE + CTests::TESTS).map do |source|
      file(build.object(source) => [source, __FILE__, *CTests::HEADERS, build.folder]) do |task|
        CTests.need(build.compiler, build.packages)
        sh build.compiler, *build.flags, "-c", source, "-o", task.name, verbose: false
      end.name
    end

    file build.program => objects do |task|
      sh build.compiler, *build.flags, *objects, "-o", task.name, "-ldl", "-lm", verbose: false
    end

    desc "Test the core #{build.about}"
    task build.name => build.program do
      CTests.need(build.runner.first, build.packages) if build.runner.any?
      puts "the core #{build.about}:"
      sh(build.environment || {}, *build.runner, build.program, verbose: false)
    end
  end

  desc "Analyse the C sources with clang-tidy"
  task :tidy do
    CTests.need("clang-tidy", "clang-tidy")
    sh "clang-tidy", "--quiet", "--warnings-as-errors=*", *(CTests::SOURCES.extension + CTests::SOURCES.exec_filter).map { |path| File.join(CTests::FOLDER, path) }, "--", *CTests.flags_for_tools, verbose: false
  end

  desc "Check that the C sources are formatted as .clang-format says"
  task :format do
    CTests.need("clang-format", "clang-format")
    sh "clang-format", "--dry-run", "-Werror", *CTests::FORMATTED, verbose: false
  end
end

desc "Test the core in C, in every way"
task c: CTests::BUILDS.map { |build| "c:#{build.name}" }
