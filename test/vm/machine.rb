# frozen_string_literal: true

require "etc"
require "fileutils"
require "open3"
require "io/wait"
require "rbconfig"
require "tmpdir"

require_relative "../support/debian_suite"

# A virtual machine with a kernel of Debian's own, for what this machine cannot show: control groups of version 2, the
# pressure of a group, swap, the kernel's own kills. Emulated, so that it needs no /dev/kvm: it starts in some ten seconds.
#
#   machine = VM::Machine.new("amd64", folder: "tmp/vm")
#   machine.missing           # => nil, or a sentence
#   machine.run("ruby -Itest test/vm/guest/all.rb", seconds: 600) { |line| puts line }   # => its exit status, or nil
#
# The tree is this machine's own suite with its Ruby; the checkout is copied into it as it stands, compiled. The kernel has
# NVMe and ext4 built in, so there is no initial RAM disk.
module VM
  class Machine
    class Unavailable < StandardError; end

    # `qemu`:: the emulator, and Debian's package of it
    # `model`:: what it is to emulate
    # `console`:: as the guest's kernel calls the serial line
    # `kernel`:: Debian's metapackage of a kernel for clouds
    Architecture = Struct.new(:name, :qemu, :package, :model, :console, :kernel, keyword_init: true)

    ARCHITECTURES = {
      "amd64" => Architecture.new(name: "amd64", qemu: "qemu-system-x86_64", package: "qemu-system-x86",
        model: %w[-cpu max], console: "ttyS0", kernel: "linux-image-cloud-amd64"),
      "arm64" => Architecture.new(name: "arm64", qemu: "qemu-system-aarch64", package: "qemu-system-arm",
        model: %w[-machine virt -cpu max], console: "ttyAMA0", kernel: "linux-image-cloud-arm64")
    }.freeze

    MEMORY_MB = 2048
    SWAP_MB = 512
    SPARE_MB = 512 # on the guest's disk, beside what is in the tree

    PACKAGES = %w[ruby ruby-minitest procps util-linux libjemalloc2].freeze

    CHECKOUT = File.expand_path("../..", __dir__)
    EXIT = /\Aguest-exit:(\d+)/

    def initialize(name, folder:, packages: PACKAGES)
      @architecture = ARCHITECTURES.fetch(name)
      @folder = File.join(File.expand_path(folder), name)
      @packages = packages
    end

    # Why it cannot be run here; nil where it can.
    def missing
      return "a virtual machine's disk is made by root: debootstrap needs it" unless Process.uid.zero?

      {"debootstrap" => "debootstrap", "mke2fs" => "e2fsprogs", @architecture.qemu => @architecture.package}.each do |program, package|
        found = "#{ENV["PATH"]}:/usr/sbin:/sbin".split(":").any? { |path| File.executable?(File.join(path, program)) }
        return "#{program} is not on this machine: `apt-get install #{package}`" unless found
      end
      nil
    end

    # Makes what is not there yet: the tree and the kernel, which are kept.
    def prepare
      raise Unavailable, missing if missing

      FileUtils.mkdir_p(@folder)
      whole("vmlinuz") { |target| kernel(target) }
      whole("tree") { |target| tree(target) }
    end

    # Runs a command in the guest's copy of the checkout and yields what it prints, line by line.
    # @return [Integer, nil] its exit status; nil where the machine did not come so far in time
    def run(command, seconds:, &block)
      prepare
      disk = make_disk(command)
      swap = empty_file("swap.img", SWAP_MB)
      boot(disk, swap, seconds, &block)
    end

    private

    # What is not finished is not there.
    def whole(name)
      target = File.join(@folder, name)
      return if File.exist?(target)

      unfinished = "#{target}.unfinished"
      FileUtils.rm_rf(unfinished)
      yield unfinished
      File.rename(unfinished, target)
    end

    def kernel(target)
      suite = DebianSuite.new(File.join(@folder, "apt"), codename)
      Dir.mktmpdir do |files|
        suite.unpack_dependency(@architecture.kernel, /\Alinux-image-/, files)
        image = Dir.glob("#{files}/boot/vmlinu*").first or raise Unavailable, "#{@architecture.kernel} holds no kernel"
        FileUtils.cp(image, target)
      end
    rescue DebianSuite::Unavailable => error
      raise Unavailable, error.message
    end

    def tree(target)
      mirror = DebianSuite.new(File.join(@folder, "apt"), codename).mirror
      command("debootstrap", "--variant=minbase", "--include=#{@packages.join(",")}", codename, target, mirror)
      FileUtils.rm_rf(Dir.glob("#{target}/var/cache/apt/archives/*.deb") + ["#{target}/var/lib/apt/lists"])
    end

    def codename = File.read("/etc/os-release")[/^VERSION_CODENAME=(\w+)/, 1]

    # The tree and the checkout as a file system of its own.
    def make_disk(command)
      tree = File.join(@folder, "tree")
      FileUtils.rm_rf("#{tree}/checkout")
      FileUtils.mkdir_p("#{tree}/checkout")
      copy_checkout("#{tree}/checkout")
      FileUtils.cp(File.join(__dir__, "guest-init"), "#{tree}/guest-init")
      File.write("#{tree}/guest-command", "#{command}\n")
      disk = empty_file("disk.img", `du -sm #{tree}`.to_i + SPARE_MB)
      command("mke2fs", "-q", "-t", "ext4", "-d", tree, disk)
      disk
    end

    # What git knows of, and what was compiled or got for the tests.
    def copy_checkout(target)
      files = Dir.chdir(CHECKOUT) { `git ls-files --cached --others --exclude-standard -z`.split("\0").select { |path| File.file?(path) } }
      files += Dir.glob("lib/allocstats/**/*.so", base: CHECKOUT)
      files += Dir.glob("tmp/allocators/{bookworm,trixie,sid,source,built}/**/*.so*", base: CHECKOUT)
      files.each do |path|
        FileUtils.mkdir_p(File.join(target, File.dirname(path)))
        FileUtils.cp(File.join(CHECKOUT, path), File.join(target, path))
      end
    end

    def empty_file(name, megabytes)
      path = File.join(@folder, name)
      FileUtils.rm_f(path)
      File.open(path, "w") { |file| file.truncate(megabytes << 20) }
      path
    end

    def boot(disk, swap, seconds)
      status = nil
      IO.popen([*emulator(disk, swap), err: [:child, :out], in: File::NULL]) do |console|
        deadline = now + seconds
        while (line = line_within(console, deadline))
          line = line.scrub.gsub(/\e\[[0-9;?]*[A-Za-z]/, "").delete("\r\0").chomp
          status = line[EXIT, 1].to_i if EXIT.match?(line)
          yield line if block_given? && !EXIT.match?(line)
        end
        Process.kill(:KILL, console.pid)
      rescue Errno::ESRCH
        nil
      end
      status
    end

    # The console's next line; nil at its end, and when the time is over.
    def line_within(console, deadline)
      @rest ||= +""
      until @rest.include?("\n")
        return unless console.wait_readable([deadline - now, 0].max)

        @rest << console.readpartial(65_536)
      end
      @rest.slice!(0..@rest.index("\n"))
    rescue EOFError
      nil
    end

    def emulator(disk, swap)
      [
        @architecture.qemu, *@architecture.model, "-accel", "tcg,thread=multi", "-m", MEMORY_MB.to_s, "-smp", [Etc.nprocessors, 2].min.to_s,
        "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-nic", "none", "-kernel", File.join(@folder, "vmlinuz"),
        "-append", "console=#{@architecture.console} psi=1 panic=-1 root=/dev/nvme0n1 rw init=/guest-init quiet",
        *[disk, swap].each_with_index.flat_map { |file, i| ["-drive", "file=#{file},if=none,id=d#{i},format=raw", "-device", "nvme,drive=d#{i},serial=d#{i}"] }
      ]
    end

    def command(*command)
      output, status = Open3.capture2e({"PATH" => "#{ENV["PATH"]}:/usr/sbin:/sbin", "LC_ALL" => "C"}, *command)
      raise Unavailable, "`#{command.first(2).join(" ")}` said: #{output.lines.last(3).join.strip}" unless status.success?
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
