# frozen_string_literal: true

module House
  # ext/allocstats: which file includes whose header.
  class Includes
    FOLDER = "ext/allocstats"
    INCLUDE = /^\s*#\s*include\s+"([^"]+)"/

    attr_reader :files

    def initialize(root)
      @root = root
      @files = Dir.glob("#{FOLDER}/**/*.{c,h}", base: root).sort
    end

    def violations = Plan.new(C_LAYERS, arrows).violations

    private

    # The binding of an allocator to Ruby is Ruby's, wherever it lies.
    def room(file)
      path = file.delete_prefix("#{FOLDER}/")
      return "ruby" if path.match?(%r{(\A|/)(rb_[^/]*|ruby)\.[ch]\z})
      return path if path == "allocstats.c"
      path.include?("/") ? path[/\A[^\/]+/] : root_room(path)
    end

    # private_heap.c is the front of private_heap/, as purge.c would be of purge/.
    def root_room(path)
      name = File.basename(path, ".*")
      C_LAYERS.values.flatten.include?(name) ? name : "."
    end

    def arrows
      files.flat_map { |file| arrows_of(file) }
    end

    def arrows_of(file)
      File.readlines(File.join(@root, file)).each.with_index(1).filter_map do |line, number|
        name = line[INCLUDE, 1] or next
        target = find(file, name) or next
        Plan::Arrow.new(room(file), room(target), "#{file.delete_prefix("#{FOLDER}/")} includes #{target.delete_prefix("#{FOLDER}/")}", ["#{file}:#{number}", target])
      end
    end

    def find(file, name)
      [File.join(File.dirname(file), name), File.join(FOLDER, name)].map { |path| path.gsub(%r{[^/]+/\.\./}, "") }.find { |path| files.include?(path) }
    end
  end
end
