# frozen_string_literal: true

module House
  # lib: who names whose constants, where constants lie, and who calls the facade back.
  class Ruby
    FOLDER = "lib/allocstats"

    attr_reader :files

    def initialize(root)
      @files = Dir.glob("lib/**/*.rb", base: root).sort
      @parsed = @files.map { |file| Constants.new(root, file) }
    end

    def definitions = @definitions ||= @parsed.flat_map(&:definitions).select { |definition| definition.name.start_with?("AllocStats::") }

    def at_root = files.grep(%r{\A#{FOLDER}/[^/]+\.rb\z}o)

    def rooms = files.map { |file| room(file) }.uniq

    def violations = Plan.new(LAYERS, arrows).violations + misplaced + calls_back + crowded

    private

    # "rack" for lib/allocstats/rack.rb and all of lib/allocstats/rack/.
    def room(file)
      return file[%r{\Alib/([^/.]+)}, 1] unless file.start_with?("#{FOLDER}/")
      file.delete_prefix("#{FOLDER}/")[/\A[^\/.]+/]
    end

    # Where each constant is defined first: in the file of its name, where there is one.
    def home
      @home ||= definitions.group_by(&:name).transform_values { |all| all.find { |definition| at_home?(definition) } || all.first }
    end

    def at_home?(definition) = definition.file == "lib/#{underscored(definition.name)}.rb"

    def underscored(name)
      name.sub("AllocStats", "allocstats").gsub("::", "/").gsub(/([a-z\d])([A-Z])/, '\1_\2').gsub(/([A-Z]+)([A-Z][a-z])/, '\1_\2').downcase
    end

    def arrows
      @parsed.flat_map(&:references).filter_map do |reference|
        target = reference.names.filter_map { |name| home[name] }.first or next
        next if target.name == "AllocStats"
        Plan::Arrow.new(room(reference.file), room(target.file), "#{reference.file.delete_prefix("lib/")} names #{target.name}",
          ["#{reference.file}:#{reference.line}", "#{target.file}:#{target.line}"])
      end
    end

    # A class or module lies in the file of its name, or in that of one that is around it.
    def misplaced
      home.each_value.select(&:scope).reject { |definition| elsewhere?(definition) || enclosing(definition.name).any? { |name| definition.file == "lib/#{underscored(name)}.rb" } }
        .map { |definition| Violation.new(:misplaced, "#{definition.name} in #{definition.file.delete_prefix("lib/")}", ["#{definition.file}:#{definition.line}"]) }
    end

    def elsewhere?(definition) = ELSEWHERE[definition.file]&.match?(definition.name)

    def enclosing(name)
      parts = name.split("::")
      (2..parts.size).map { |count| parts.first(count).join("::") }
    end

    def calls_back
      @parsed.flat_map(&:calls).reject { |call| FACES.include?(room(call.file)) }.group_by(&:file).map do |file, calls|
        Violation.new(:"calls the facade", "#{file.delete_prefix("lib/")}: #{calls.map(&:method).uniq.sort.join(", ")}", calls.map { |call| "#{call.file}:#{call.line}" })
      end
    end

    def crowded
      return [] if at_root.size <= MOST_AT_ROOT
      [Violation.new(:crowded, "#{FOLDER} has more than #{MOST_AT_ROOT} files", ["#{at_root.size}: #{at_root.map { |file| File.basename(file) }.join(", ")}"])]
    end
  end
end
