# frozen_string_literal: true

require "open3"
require "rbconfig"
require_relative "failure"

module AllocStats
  module Build
    # What this machine must have before the extension can be built, and the sentence for each thing it lacks.
    module Platform
      HEADERS = "install Ruby's development files (Debian and Ubuntu: ruby-dev, Fedora: ruby-devel, Alpine: ruby-dev)"
      TOOLS = "install a C compiler and make (Debian and Ubuntu: build-essential, Fedora: gcc make, Alpine: build-base)"

      module_function

      # nil where the extension can work, or the reason why it cannot.
      def unsupported
        return "it works on Linux alone, and this is #{RbConfig::CONFIG["host_os"]}" unless linux?
        return "it needs the C interface of CRuby, and this is #{RUBY_ENGINE}" unless RUBY_ENGINE == "ruby"

        nil
      end

      def linux? = RbConfig::CONFIG["host_os"].start_with?("linux")

      # A compiler other than the one Ruby was built with is asked for by CC, as everywhere else.
      def honour_chosen_compiler
        return unless ENV["CC"]

        RbConfig::CONFIG["CC"] = RbConfig::MAKEFILE_CONFIG["CC"] = ENV["CC"]
      end

      def demand_headers
        header = File.join(RbConfig::CONFIG["rubyhdrdir"].to_s, "ruby.h")
        raise Failure, "Ruby's header files are missing (#{header}): #{HEADERS}." unless File.file?(header)
      end

      def demand_compiler
        raise Failure, "there is no C compiler (#{compiler}): #{TOOLS}." unless runs?(compiler, "--version")
        raise Failure, "there is no make: #{TOOLS}." unless runs?(ENV["MAKE"] || "make", "--version")
      end

      def compiler = RbConfig::CONFIG["CC"]

      def compiler_banner = Open3.capture2e("#{compiler} --version").first.lines.first.to_s.strip

      # The one that Ruby runs on. Its name for the system says so, where its compiler, which can be a wrapper of another
      # one's (musl-gcc), does not.
      def libc
        output, = Open3.capture2e("#{compiler} -dumpmachine")
        ([RbConfig::CONFIG["host_os"], output].any? { |system| system.include?("musl") }) ? "musl" : "glibc"
      end

      def runs?(command, argument)
        _, status = Open3.capture2e("#{command} #{argument}")
        # 127 is the shell's word for a command that is not there; BSD and busybox makes know no --version.
        status.exitstatus != 127
      rescue Errno::ENOENT
        false
      end
    end
  end
end
