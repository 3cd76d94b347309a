# frozen_string_literal: true

require "fileutils"
require "open3"
require "tmpdir"
require_relative "apt_sources"
require_relative "kept"

module AllocStats
  module Build
    module Sources
      # Debian's source package. apt is told to look for source packages where this machine already gets its binary
      # ones, in lists and a cache of their own: the machine's own sources and lists stay as they are. Needs apt alone,
      # and no privileges.
      class Debian
        QUICK = %w[-q -o Acquire::Retries=1 -o Acquire::http::Timeout=10 -o Acquire::https::Timeout=10].freeze

        attr_reader :reason

        def initialize(keep, machine: AptSources.of_this_machine)
          @keep, @machine = keep, machine
        end

        def fetch(pin)
          return refuse("it has no such package") unless pin.debian
          return refuse("this machine has no apt-get") unless apt_get?
          return refuse("this machine's apt sources name no archive of Debian") unless @machine.any?

          Dir.mktmpdir("allocstats-apt") { |folder| download(pin, folder) }
        end

        def to_s = "Debian's source package"

        private

        def refuse(reason)
          @reason = reason
          nil
        end

        def apt_get?
          ENV.fetch("PATH", "").split(File::PATH_SEPARATOR).any? { |folder| File.executable?(File.join(folder, "apt-get")) }
        end

        # Tried first with the suites of this machine, then with the suite that the pin names.
        def download(pin, folder)
          [nil, pin.debian["suite"]].each do |suite|
            home = File.join(folder, suite || "own")
            next unless @machine.write_source_lists(File.join(home, "sources"), suite: suite)

            apt_get(home, "update")
            output = apt_get(home, "source", "--download-only", pin.debian.fetch("package"))
            found = File.join(home, pin.debian.fetch("file"))
            return Kept.write(@keep, pin, File.binread(found), "what #{self} holds") if File.file?(found)

            refuse(complaint(home, output))
          end
          nil
        end

        def complaint(home, output)
          offered = Dir.children(home).grep(/\.orig\.tar\./)
          return "it holds #{offered.join(", ")}, which is not pinned" unless offered.empty?

          output.lines.grep(/^E: /).first&.strip || "apt-get found no such source package"
        end

        def apt_get(home, *command)
          %w[lists/partial cache/archives/partial].each { |folder| FileUtils.mkdir_p(File.join(home, folder)) }
          output, = Open3.capture2e({"LC_ALL" => "C"}, "apt-get", *QUICK, *private_folders(home), *command, chdir: home)
          output
        end

        def private_folders(home)
          {
            "Dir::Etc::sourcelist" => "/dev/null", "Dir::Etc::sourceparts" => File.join(home, "sources"),
            "Dir::State::lists" => File.join(home, "lists"), "Dir::Cache" => File.join(home, "cache"),
            "APT::Sandbox::User" => ""
          }.flat_map { |key, value| ["-o", "#{key}=#{value}"] }
        end
      end
    end
  end
end
