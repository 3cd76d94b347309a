# frozen_string_literal: true

require "test_helper"
require "open3"
require "tmpdir"
require_relative "../ext/allocstats/build/c_sources"

# An allocator that was linked into the program itself, on each C library: musl names the program in its list of loaded
# objects, which glibc does not, and has the empty name for what the kernel maps (the vDSO).
class StaticAllocatorTest < Minitest::Test
  EXTENSION = File.expand_path("../ext/allocstats", __dir__)

  # Without Ruby, as in test/c.
  def core = AllocStats::Build::CSources.core.map { |file| File.join(EXTENSION, file) }

  %w[gcc musl-gcc].each do |compiler|
    define_method("test_the_program_is_found_to_own_malloc_with_#{compiler}") do
      skip "#{compiler} is not on this machine" unless system("which", compiler, out: File::NULL)
      Dir.mktmpdir do |folder|
        program = File.realpath(folder) + "/static"
        output, status = Open3.capture2e(compiler, "-std=gnu11", "-O0", "-w", "-pthread", "-rdynamic", "-fno-builtin", "-DALLOCSTATS_PRIVATE_LIBC", '-DALLOCSTATS_PRIVATE_VERSION="-"',
          "-I#{EXTENSION}", File.expand_path("support/c/static_allocator.c", __dir__), *core, "-o", program, "-ldl", "-lm")
        assert status.success?, output
        assert_equal ["1 #{program} 7\n", true], Open3.capture2e(program).then { |text, ended| [text, ended.success?] }
      end
    end
  end
end
