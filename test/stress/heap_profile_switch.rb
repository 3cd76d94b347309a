# Profiles begun and ended without a pause, while threads that know nothing of Ruby allocate and libraries are loaded and
# closed.
require "fiddle"
require "fileutils"
require "support/compiled"
require "tmpdir"

source = File.expand_path("support/c/allocating_threads.c", $LOAD_PATH.find { |folder| File.exist?("#{folder}/support/compiled.rb") })
library = Compiled.shared(source)
call = ->(handle, name, types, *arguments) { Fiddle::Function.new(handle[name], types, Fiddle::TYPE_LONG).call(*arguments) }

profile = AllocStats::HeapProfile
busy = Fiddle.dlopen(library)
abort("no threads") unless call.call(busy, "allocating_threads_start", [Fiddle::TYPE_INT], 3) == 3
loads = 0
switches = Dir.mktmpdir do |folder|
  FileUtils.cp(library, "#{folder}/other.so")
  Stress.repeat do |i|
    profile.start(interval: [1, 1024, 512 * 1024][i % 3])
    if (i % 5).zero?
      other = Fiddle.dlopen("#{folder}/other.so")
      call.call(other, "allocating_threads_start", [Fiddle::TYPE_INT], 1)
      call.call(other, "allocating_threads_stop", [])
      profile.snapshot if (i % 10).zero?
      other.close
      loads += 1
    end
    profile.stop
    changed = profile.redirection[:changed]
    abort("#{changed} slots were not as they were left") unless changed.zero?
  end
end
allocations = call.call(busy, "allocating_threads_stop", [])
abort("what the profile kept is not given back") unless AllocStats.private_heap.held.fetch(:heap_profile).zero?
{switches: switches, loads: loads, allocations: allocations}
