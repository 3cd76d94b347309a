# frozen_string_literal: true

require "test_helper"
require "support/compiled"
require "fileutils"
require "tmpdir"

# Follows docs/adding_an_allocator.md to the letter in a copy of the sources: its C file and its line, nothing else.
class AddingAnAllocatorTest < Minitest::Test
  ROOT = File.expand_path("..", __dir__)
  PAGE = File.read(File.join(ROOT, "docs/adding_an_allocator.md"))

  def test_one_file_and_one_line_are_enough
    Dir.mktmpdir do |folder|
      copy(folder)
      add_the_file_and_the_line(File.join(folder, "ext/allocstats"))
      compile(folder)
      preload = {"LD_PRELOAD" => Compiled.library("made_up_allocator")}
      script = "-rallocstats -rjson -e 'puts JSON.generate([AllocStats.allocator.to_h, AllocStats.sample.to_h, AllocStats.figures[:mapped].allocators, AllocStats::Allocators.known])'"
      output = ChildProcess.command("/bin/sh", "-c", "exec #{RbConfig.ruby} -I#{folder}/lib #{script}", env: preload).stdout
      allocator, sample, having, known = JSON.parse(output, symbolize_names: true)
      assert_equal %w[rpmalloc sole], allocator.values_at(:name, :verdict)
      assert_equal ["sample"], allocator[:capabilities]
      assert_equal 4711 * 4096, sample[:mapped]
      assert_includes having, "rpmalloc"
      assert_includes known, "rpmalloc"
      assert_match(/rpmalloc cannot be purged/, purge_reason(folder, preload))
    end
  end

  private

  def copy(folder)
    %w[ext lib dependencies.yml archives].each { |name| FileUtils.cp_r(File.join(ROOT, name), folder) if File.exist?(File.join(ROOT, name)) }
    FileUtils.rm_f(Dir[File.join(folder, "lib/allocstats/*.so")])
  end

  def add_the_file_and_the_line(ext)
    code = PAGE[/```c\n(.*?)```/m, 1].gsub(/^ {3}/, "")
    FileUtils.mkdir_p(File.join(ext, "allocators/rpmalloc"))
    File.write(File.join(ext, "allocators/rpmalloc/adapter.c"), code)
    list = File.join(ext, "allocators.def")
    line = PAGE[/`(ALLOCATOR\(rpmalloc\))`/, 1]
    File.write(list, File.read(list).sub("ALLOCATOR(glibc)", "#{line}\nALLOCATOR(glibc)"))
  end

  def compile(folder)
    build = File.join(folder, "build")
    FileUtils.mkdir_p(build)
    ChildProcess.command(RbConfig.ruby, File.join(folder, "ext/allocstats/extconf.rb"), "--enable-werror", chdir: build, timeout: 120)
    ChildProcess.command("make", "-j2", chdir: build, timeout: 300)
    FileUtils.cp(File.join(build, "allocstats.so"), File.join(folder, "lib/allocstats"))
  end

  def purge_reason(folder, preload)
    ChildProcess.command(RbConfig.ruby, "-I#{folder}/lib", "-rallocstats", "-e", "puts AllocStats.purge.reason", env: preload).stdout
  end
end
