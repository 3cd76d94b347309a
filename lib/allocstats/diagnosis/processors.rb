# frozen_string_literal: true

require "etc"

module AllocStats
  class Diagnosis
    # How many processors a process may use by its control group, v2 (cpu.max) or v1 (cpu.cfs_quota_us), against how
    # many Ruby sees ("Control Group v2" and "CFS Bandwidth Control" in the kernel's documentation).
    class Processors
      # @param process [String] the process's folder, below root
      def initialize(process: "/proc/self", root: "")
        @root = root
        @process = process
      end

      # @return [Hash] {seen:, quota: Float or nil, source: String or nil}
      def to_h
        quota, source = quotas.min_by(&:first)
        {seen: Etc.nprocessors, quota: quota, source: source && Formats.utf8(source)}
      end

      # The group's own folder, nil where it is not to be found.
      def folder = place&.first

      private

      # [[processors, file]] of all groups from the process's own up to the mount point.
      def quotas
        levels.filter_map do |folder|
          period, quota, file = of_version_2(folder) || of_version_1(folder)
          [quota.fdiv(period), file] if quota&.positive? && period&.positive?
        end
      end

      # "50000 100000", or "max 100000"
      def of_version_2(folder)
        quota, period = read("#{folder}/cpu.max")&.split
        [period, quota, "#{folder}/cpu.max"] if (quota = Measured.count(quota)) && (period = Measured.count(period))
      end

      def of_version_1(folder)
        quota, period = %w[quota period].map { |name| read("#{folder}/cpu.cfs_#{name}_us")&.strip }
        [period, quota, "#{folder}/cpu.cfs_quota_us"] if (quota = Measured.count(quota)) && (period = Measured.count(period))
      end

      def levels
        folder, top = place
        return [] unless folder
        [folder].tap { |list| list << File.dirname(list.last) while list.last.length > top.length }
      end

      # The group's folder and the mount point it is below.
      def place
        group = groups.find { |_, controllers, _| controllers.split(",").include?("cpu") } || groups.find { |id, controllers, _| id == "0" && controllers.empty? }
        return unless group
        mount_root, top = mount(group[1].empty? ? /\scgroup2\s/ : /\scgroup\s\S+\s\S*\bcpu\b/)
        return unless top
        below = group[2].delete_prefix((mount_root == "/") ? "" : mount_root).delete_suffix("/")
        [below.include?("/..") ? top : "#{top}#{below}", top]
      end

      def groups
        read("#{@process}/cgroup").to_s.lines(chomp: true).map { |line| line.split(":", 3) }.select { |fields| fields.size == 3 }
      end

      def mount(type)
        line = read("/proc/self/mountinfo").to_s.lines(chomp: true).find { |text| text.partition(" - ").then { |_, dash, rest| type.match?(dash + rest) } }
        line&.split&.values_at(3, 4)
      end

      def read(path)
        File.binread("#{@root}#{path}").delete("\0") # which no name of a folder can hold
      rescue SystemCallError
        nil
      end
    end
  end
end
