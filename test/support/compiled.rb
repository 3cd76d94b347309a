# frozen_string_literal: true

require "fileutils"
require "rbconfig"

# Small C programs and libraries of test/support/c, compiled when a test first needs them.
module Compiled
  SOURCES = File.expand_path("c", __dir__)
  FOLDER = File.expand_path("../../tmp/compiled", __dir__)

  module_function

  # A shared library to preload.
  def library(name) = shared(source(name))

  # A shared library of any one C file.
  def shared(file)
    build("#{File.basename(file, ".c")}.so", file, "-shared", "-fPIC", "-ldl")
  end

  # An extension that cannot be loaded once a process has started.
  def greedy_of_tls = build("greedy_of_tls.so", source("greedy_of_tls"), "-shared", "-fPIC")

  # An extension for this very Ruby, to be required by its path.
  def extension(name)
    build("#{RbConfig::CONFIG["ruby_version"]}/#{name}.so", source(name), "-shared", "-fPIC", "-w", *ruby_headers)
  end

  # A Ruby that was linked with more than a stock one: `arguments` are the linker's.
  def ruby(name, *arguments)
    config = RbConfig::CONFIG
    build(name, source("embedded_ruby"), *ruby_headers, "-rdynamic", "-w",
      *arguments, "-L#{config["libdir"]}", *config["LIBRUBYARG"].split, "-Wl,-rpath,#{config["libdir"]}", "-lm", "-lstdc++", "-lpthread", "-ldl")
  end

  def ruby_headers = RbConfig::CONFIG.values_at("rubyhdrdir", "rubyarchhdrdir").map { |folder| "-I#{folder}" }

  # A program of its own, by any compiler, under a name of its own.
  def program(name, *arguments, compiler: "gcc", called: name) = build(called, source(name), "-pthread", *arguments, compiler: compiler)

  def source(name) = File.join(SOURCES, "#{name}.c")

  def build(name, source, *arguments, compiler: "gcc")
    target = File.join(FOLDER, name)
    return target if File.exist?(target) && File.mtime(target) > File.mtime(source)

    FileUtils.mkdir_p(File.dirname(target))
    output = IO.popen([compiler, "-O2", source, *arguments, "-o", target, err: [:child, :out]], &:read)
    raise "#{name} could not be compiled: #{output}" unless $?.success?
    target
  end
  private_class_method :ruby_headers, :source, :build
end
