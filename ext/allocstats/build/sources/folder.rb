# frozen_string_literal: true

module AllocStats
  module Build
    module Sources
      # A folder on this machine. An archive may lie there under the name we keep it by or under Debian's.
      class Folder
        attr_reader :reason

        def initialize(path, title)
          @path, @title = File.expand_path(path), title
        end

        def fetch(pin)
          @reason = File.directory?(@path) ? nil : "no such folder"
          [pin.file, pin.debian&.fetch("file")].compact.map { |file| File.join(@path, file) }.find { |path| File.file?(path) }
        end

        def to_s = "#{@title} (#{@path})"
      end
    end
  end
end
