# frozen_string_literal: true

require "digest"
require "erb"
require "json"

module AllocStats
  module HeapProfile
    # A page of its own with the stacks as a flame graph: search, zoom, inside out, live against total, and two snapshots in
    # two colours. It loads nothing, and its own policy lets nothing in but its two texts, which are named by their hashes.
    class FlameGraph
      MEASURES = %w[live total].freeze
      FILES = %w[css js html.erb].to_h { |type| [type, File.join(__dir__, "flame_graph.#{type}")] }.freeze

      # @param before [Snapshot, nil] what is compared with
      # @param nonce [String, nil] of the policy that the page is served under
      def self.of(snapshot, before: nil, nonce: nil) = new(snapshot, before, nonce).to_s

      def initialize(snapshot, before, nonce)
        @snapshot = snapshot
        @before = before
        @nonce = nonce
      end

      def to_s
        ERB.new(File.read(FILES["html.erb"], encoding: "UTF-8"), trim_mode: "<>").result(binding)
      end

      private

      attr_reader :snapshot, :before

      def css = @css ||= File.read(FILES["css"], encoding: "UTF-8")

      def js = @js ||= File.read(FILES["js"], encoding: "UTF-8")

      def h(text) = ERB::Util.html_escape(Formats.line(text))

      def nonce_attribute = @nonce && %( nonce="#{h(@nonce)}")

      def policy
        "default-src 'none'; script-src #{hash_of(js)}; style-src #{hash_of(css)}; base-uri 'none'; form-action 'none'"
      end

      def hash_of(text) = "'sha256-#{Digest::SHA256.base64digest(text)}'"

      def table = snapshot.top(Table::ROWS).map { |row| Table.cells(row, snapshot.live_bytes.bytes) }

      # No "<" of a name can end the script that holds it.
      def json = JSON.generate(data).gsub("<", "\\u003c").gsub("\u2028", "\\u2028").gsub("\u2029", "\\u2029")

      def data
        frames = Hash.new { |known, key| known[key] = known.size }
        root = Node.new(frames[["all", nil]])
        add(root, snapshot, :now, frames)
        add(root, before, :before, frames) if before
        nodes = []
        root.write(nodes)
        {measures: MEASURES, compared: !before.nil?, frames: frames.keys, nodes: nodes}
      end

      def add(root, snapshot, moment, frames)
        snapshot.rows.each do |row|
          leaf = row.name.path.reduce(root) { |node, frame| node.child(frames[[frame.label, frame.location]]) }
          leaf.add(moment, [row.live.to_i, row.total.to_i])
        end
      end

      # A frame below others, with what was allocated in itself: [live, total] now, and before.
      class Node
        def initialize(frame)
          @frame = frame
          @children = {}
          @values = {now: [0, 0], before: [0, 0]}
        end

        def child(frame) = @children[frame] ||= Node.new(frame)

        def add(moment, values)
          @values[moment] = @values[moment].zip(values).map(&:sum)
        end

        # In preorder: frame, number of children, values now and before.
        def write(out)
          out.push(@frame, @children.size, *@values[:now], *@values[:before])
          @children.each_value { |node| node.write(out) }
        end
      end
      private_constant :Node
    end
  end
end
