# frozen_string_literal: true

require "test_helper"
require "json"
require "open3"
require "tmpdir"

# What is written is read by those it is written for, where they are on this machine.
class HeapProfileFormatsTest < Minitest::Test
  Profile = AllocStats::HeapProfile
  MEGABYTE = 1 << 20

  # Of this size to the byte, so that readers can be asked for it.
  def self.snapshot
    @snapshot ||= begin
      Profile.start(interval: 64)
      @earlier = Profile.snapshot
      made = Array.new(8) { allocate }
      made.pop(3).each(&:clear)
      @kept = made
      Profile.stop
    end
  end

  def self.earlier
    snapshot
    @earlier
  end

  def self.allocate = "x" * MEGABYTE

  def snapshot = self.class.snapshot

  def row = snapshot.rows.find { |one| one.name.method_name == "String#*" }

  def label = "#{self.class}.allocate"

  def in_folder
    Dir.mktmpdir("allocstats-heap") { |folder| yield folder }
  end

  def output_of(*command)
    text, status = Open3.capture2e({"HOME" => Dir.tmpdir}, *command)
    assert status.success?, text
    text
  end

  def need(program, package)
    skip "#{program} is not on this machine: Debian has it in #{package}" unless system("which", program, out: File::NULL)
  end

  def test_the_figures_are_these
    assert_in_delta 5 * MEGABYTE, row.live.bytes, 100
    assert_in_delta 8 * MEGABYTE, row.total.bytes, 100
  end

  def test_gos_pprof_reads_the_protocol_buffer
    need("go", "golang-go")
    in_folder do |folder|
      path = snapshot.write("#{folder}/heap.pb.gz")
      live = output_of("go", "tool", "pprof", "-raw", path)
      assert_match(%r{alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes\[dflt\]}, live)
      assert_match(/^PeriodType: space bytes\nPeriod: 64$/, live)
      assert_match(/^\s+8\s+#{row.total.to_i}\s+5\s+#{row.live.to_i}: /, live)
      tree = output_of("go", "tool", "pprof", "-unit=B", "-peek=allocate", path)
      assert_match(/#{row.live.to_i}B .*#{Regexp.escape(label)}/, tree)
      lines = output_of("go", "tool", "pprof", "-sample_index=alloc_space", "-unit=B", "-lines", "-top", path)
      assert_match(/#{row.total.to_i}B .*#{Regexp.escape(label)} .*heap_profile_formats_test.rb:#{self.class.method(:allocate).source_location.last}/, lines)
    end
  end

  # Two processes' profiles are added up by the reader.
  def test_gos_pprof_merges
    need("go", "golang-go")
    in_folder do |folder|
      one = snapshot.write("#{folder}/one.pb.gz")
      two = snapshot.write("#{folder}/two.pb.gz")
      assert_match(/#{2 * row.live.to_i}B .*#{Regexp.escape(label)}/, output_of("go", "tool", "pprof", "-unit=B", "-peek=allocate", one, two))
    end
  end

  def test_gperftools_pprof_reads_its_text
    need("google-pprof", "google-perftools")
    in_folder do |folder|
      path = snapshot.write("#{folder}/process.heap")
      {"--inuse_space" => row.live, "--alloc_space" => row.total}.each do |option, estimate|
        text = output_of("google-pprof", "--text", "--show_bytes", option, path)
        assert_match(/^\s*\d+\s+\S+\s+\S+\s+#{estimate.to_i}\s.*#{Regexp.escape(label)} /, text)
      end
    end
  end

  def test_collapsed
    lines = snapshot.to_collapsed.lines(chomp: true)
    line = lines.find { |one| one.include?("String#*") }
    assert_match(/;#{Regexp.escape(label)} \(#{Regexp.escape(File.expand_path(__FILE__))}:\d+\);String#\* #{row.live.to_i}\z/, line)
    assert_equal snapshot.rows.sum { |one| one.live.to_i }, lines.sum { |one| one[/\d+\z/].to_i }
    assert_equal snapshot.rows.sum { |one| one.total.to_i }, snapshot.to_collapsed(of: :total).lines.sum { |one| one[/\d+$/].to_i }
  end

  def test_speedscope
    file = JSON.parse(snapshot.to_speedscope, symbolize_names: true)
    live, total = file[:profiles]
    frames = file.dig(:shared, :frames)
    index = live[:samples].index { |sample| frames[sample.last][:name] == "String#*" }
    assert_equal row.live.to_i, live[:weights][index]
    assert_equal label, frames[live[:samples][index][-2]][:name]
    assert_equal live[:weights].sum, live[:endValue]
    assert_operator total[:endValue], :>=, 8 * MEGABYTE
    assert_equal %w[bytes sampled], [live[:unit], live[:type]]
  end

  def test_firefox
    file = JSON.parse(snapshot.to_firefox, symbolize_names: true)
    thread = file[:threads].first
    assert_equal "bytes", thread[:samples][:weightType]
    functions = thread[:samples][:stack].map { |stack| path_of(thread, stack) }
    index = functions.index { |names| names.last == "String#*" }
    assert_equal label, functions[index][-2]
    assert_equal row.live.to_i, thread[:samples][:weight][index]
    %i[samples stackTable frameTable funcTable].each do |table|
      columns = thread[table].select { |_, column| column.is_a?(Array) }
      assert_equal [thread[table][:length]], columns.map { |_, column| column.size }.uniq, table.to_s
    end
  end

  def path_of(thread, stack)
    names = []
    while stack
      function = thread[:frameTable][:func][thread[:stackTable][:frame][stack]]
      names.unshift(thread[:stringArray][thread[:funcTable][:name][function]])
      stack = thread[:stackTable][:prefix][stack]
    end
    names
  end

  def test_the_flame_graph_is_small_and_loads_nothing
    page = snapshot.to_html
    data = page[%r{<script type="application/json" id="profile">(.*?)</script>}m, 1]
    assert_operator page.bytesize - data.bytesize, :<, 100_000
    refute_match(/<link|<img|src=|@import|url\(|style=/, page.sub(data, ""))
    nodes = JSON.parse(data)["nodes"]
    assert_equal snapshot.rows.sum { |one| one.live.to_i }, nodes.each_slice(6).sum { |node| node[2] }
    assert_equal snapshot.rows.sum { |one| one.total.to_i }, nodes.each_slice(6).sum { |node| node[3] }
  end

  def test_its_own_policy_names_its_texts_by_their_hashes
    page = snapshot.to_html(nonce: "abc\"<")
    policy = page[/Content-Security-Policy" content="([^"]*)"/, 1]
    {"script" => page[%r{<script nonce="[^"]*">(.*?)</script>}m, 1], "style" => page[%r{<style nonce="[^"]*">(.*?)</style>}m, 1]}.each do |kind, text|
      assert_includes policy, "#{kind}-src 'sha256-#{Digest::SHA256.base64digest(text)}'"
    end
    assert_includes page, 'nonce="abc&quot;&lt;"'
  end

  def test_a_name_cannot_leave_the_data
    Profile.start(interval: 64)
    kept = Class.new { define_method(:"</script><script>alert(1)") { "x" * MEGABYTE } }.new.public_send(:"</script><script>alert(1)")
    page = Profile.stop.to_html
    refute_includes page, "</script><script>alert"
    assert_equal 3, page.scan("<script").size + page.scan("</style").size
    assert_equal MEGABYTE, kept.size
  end

  def test_a_comparison_has_both
    page = (snapshot - self.class.earlier).to_html(before: snapshot)
    data = JSON.parse(page[%r{id="profile">(.*?)</script>}m, 1])
    assert data["compared"]
    assert_equal snapshot.rows.sum { |one| one.live.to_i }, data["nodes"].each_slice(6).sum { |node| node[4] }
  end
end
