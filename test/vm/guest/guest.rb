# frozen_string_literal: true

require "minitest/autorun"
require "allocstats"
require "support/child_process"

# What the tests inside of the virtual machine share: real control groups of version 2, made below the one that they run in.
module Guest
  ROOT = "/sys/fs/cgroup/guest"

  # A group, below others where the name has slashes, with limits in its last part and in those that `above` names.
  #
  #   Guest.group("pod/container", {"memory.max" => "max"}, above: {"pod" => {"memory.max" => 150 << 20}}) { |group| ... }
  def self.group(name, limits = {}, above: {})
    paths = name.split("/").each_with_object([]) { |part, made| made << [made.last, part].compact.join("/") }
    paths.each_with_index do |path, i|
      Dir.mkdir("#{ROOT}/#{path}")
      above.fetch(path, (path == name) ? limits : {}).each { |file, value| File.write("#{ROOT}/#{path}/#{file}", value.to_s) }
      File.write("#{ROOT}/#{path}/cgroup.subtree_control", "+memory") if i < paths.size - 1
    end
    yield "#{ROOT}/#{name}"
  ensure
    paths.reverse_each { |path| remove("#{ROOT}/#{path}") }
  end

  def self.remove(folder)
    200.times do
      return Dir.rmdir(folder) if Dir.exist?(folder)
    rescue Errno::EBUSY # its processes have ended, but the kernel may still be about it
      sleep 0.05
    end
  end

  class Test < Minitest::Test
    # The value of Ruby code that runs in a process of its own inside of a group.
    def inside(group, code, **options)
      ChildProcess.ruby("File.write('#{group}/cgroup.procs', Process.pid.to_s); #{code}", timeout: 120, **options)
    end
  end
end
