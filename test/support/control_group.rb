# frozen_string_literal: true

require "allocstats"

# Real control groups below the one that the tests run in, where this user may make some:
#
#   group = ControlGroup.of("memory", "memory.limit_in_bytes" => 160 << 20)   # and "memory.max" for version 2
#   skip group.missing if group.missing
#   group.open { ChildProcess.ruby("#{group.join}; ...") }
class ControlGroup
  SECONDS_TO_EMPTY = 10

  # Why it cannot be made, for `skip`; nil where it can.
  attr_reader :missing

  # @param limits [Hash] file => text; of those that this version of control groups has, each is written
  def self.of(controller, limits) = new(controller, limits)

  def initialize(controller, limits)
    @limits = limits
    parent = (controller == "memory") ? AllocStats.memory.cgroup.path : AllocStats::Diagnosis::Processors.new.folder
    @folder = "#{parent}/allocstats-test-#{Process.pid}-#{object_id}"
    @missing = parent ? try : "no #{controller} controller is in sight"
  end

  # Ruby code that moves the process which runs it into the group.
  def join = "File.write(#{"#{@folder}/cgroup.procs".dump}, Process.pid.to_s)"

  def open
    make
    yield
  ensure
    remove
  end

  private

  def try
    make
    nil
  rescue SystemCallError => error
    "no control group can be made here: #{error.message}"
  ensure
    remove
  end

  def make
    Dir.mkdir(@folder)
    present = @limits.select { |file, _| File.exist?("#{@folder}/#{file}") }
    raise Errno::ENOENT, "#{@folder} has none of #{@limits.keys.join(", ")}" if present.empty?
    present.each { |file, text| File.write("#{@folder}/#{file}", text.to_s) }
  end

  # Its processes have ended, but the kernel may still be about it.
  def remove
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + SECONDS_TO_EMPTY
    begin
      Dir.rmdir(@folder)
    rescue Errno::EBUSY
      sleep 0.05
      retry if Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline
    rescue Errno::ENOENT
      nil
    end
  end
end
