# frozen_string_literal: true

require "digest"
require "yaml"
require_relative "failure"

module AllocStats
  module Build
    # One archive as dependencies.yml pins it. `url` and `debian` (a Hash with package, suite and file) are nil where
    # the archive cannot be had from there.
    Pin = Struct.new(:name, :version, :file, :url, :debian, :sha256, :checked, keyword_init: true) do
      def to_s = "#{name} #{version}"

      # Raises Failure unless `bytes` are the pinned ones; `place` says where they come from.
      def verify(bytes, place)
        actual = Digest::SHA256.hexdigest(bytes)
        return if actual == sha256

        raise Failure, "#{place} is not the archive of #{self} that is pinned: its SHA-256 is #{actual}, " \
          "expected #{sha256}; put the right #{file} into a folder and name it with --with-archives=FOLDER."
      end
    end

    # dependencies.yml as objects.
    class Dependencies
      PATH = File.join(ROOT, "dependencies.yml")

      def self.load(path = PATH) = new(YAML.safe_load_file(path))

      def initialize(document)
        @preferences = document.fetch("private_allocator")
        @bundled = document.fetch("bundled", {})
        @pins = document.fetch("archives").flat_map { |name, archives| pins_of(name, archives) }
      end

      # Names of the allocators that can be linked into the extension.
      def private_allocators = @preferences.keys

      # The pins that may serve as the private allocator `name`, the preferred one first.
      def private_pins(name) = @preferences.fetch(name).flat_map { |version| pins(name, version) }

      # The version that is built to be preloaded where none is chosen.
      def bundled_version(name) = @bundled.fetch(name)

      # Every archive of an allocator, or those of one version: there can be two, upstream's and Debian's.
      def pins(name, version = nil)
        found = @pins.select { |pin| pin.name == name && (version.nil? || pin.version == version) }
        return found unless found.empty?

        of_name = @pins.select { |pin| pin.name == name }
        raise Failure, "dependencies.yml pins no archive of #{[name, version].compact.join(" ")}; " \
          "it has #{(of_name.empty? ? @pins : of_name).map(&:to_s).uniq.join(", ")}."
      end

      private

      def pins_of(name, archives)
        archives.map do |archive|
          Pin.new(name: name, **archive.transform_keys(&:to_sym))
        end
      end
    end
  end
end
