# frozen_string_literal: true

require "fileutils"
require "tmpdir"

# Folders that stand in for / where a reader takes a root: those under test/fixtures, and changed copies of them.
#
#   MadeTree.fixture("container_v2")
#   MadeTree.changed("container_v2", "proc/self/smaps" => nil, "proc/meminfo" => "odd") { |root| ... }
module MadeTree
  FIXTURES = File.expand_path("../fixtures", __dir__)

  module_function

  def fixture(name)
    File.join(FIXTURES, name)
  end

  # Yields a copy in which some files have other contents; nil takes a file away, a Symbol makes a :folder or a :pipe.
  def changed(name, files)
    Dir.mktmpdir("allocstats") do |root|
      FileUtils.cp_r("#{fixture(name)}/.", root)
      files.each { |path, content| put(File.join(root, path), content) }
      yield root
    end
  end

  def put(path, content)
    FileUtils.rm_rf(path)
    FileUtils.mkdir_p(File.dirname(path))
    case content
    when nil then nil
    when :folder then Dir.mkdir(path)
    when :pipe then File.mkfifo(path)
    else File.binwrite(path, content)
    end
  end
  private_class_method :put
end
