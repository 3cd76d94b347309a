# frozen_string_literal: true

require "support/child_process"

# For tests that bring a child process into a state on purpose and let the doctor look at it from inside.
module Diagnosing
  # The diagnosis, as a Hash, of a process that has run `code`.
  def diagnose(code = "", doctor: "AllocStats.doctor", **options)
    ChildProcess.ruby("#{code}\n(#{doctor}).to_h", **options).value
  end

  # That this finding speaks, wholly, and no other does.
  def assert_only(name, diagnosis, severity: "warning", evidence: //)
    assert_equal [name.to_s], diagnosis[:findings].map { |finding| finding[:name] }, diagnosis.inspect
    finding = diagnosis[:findings].first
    assert_equal severity, finding[:severity]
    assert_equal((severity == "wrong") ? "wrong" : "warnings", diagnosis[:verdict])
    assert_match(/\A\S.*\.\z/, finding[:summary])
    assert_match(/\S/, finding[:remedy])
    refute_empty finding[:evidence]
    finding[:evidence].each { |sentence| assert_match(/\S/, sentence) }
    assert_match evidence, finding[:evidence].join("\n")
    finding
  end

  def assert_healthy(diagnosis)
    assert_equal [], diagnosis[:findings], diagnosis.inspect
    assert_equal "healthy", diagnosis[:verdict]
  end

  # Runs Ruby in a process of its own inside of a child, with other variables than that has; the value is its stdout.
  def inner(code, env)
    script = "require \"json\"; puts JSON.generate(#{code})"
    "IO.popen(#{env.inspect}, [#{RbConfig.ruby.dump}, \"-I#{ChildProcess::LIB}\", \"-rallocstats\", \"-e\", #{script.dump}], &:read)"
  end

  def jemalloc = TestAllocators["jemalloc-5.3.0"]
end
