# frozen_string_literal: true

require_relative "../failure"

module AllocStats
  module Build
    module Sources
      # A folder on this machine. An archive may lie there under the name we keep it by or under Debian's.
      class Folder
        def initialize(path, title)
          raise Failure, "#{title} must be an absolute path: #{path} is not." unless File.absolute_path?(path)

          @path, @title = path, title
        end

        def fetch(pin)
          names = [pin.file, pin.debian&.fetch("file")].compact
          names.map { |name| File.join(@path, name) }.find { |path| File.file?(path) }
        end

        def reason = File.directory?(@path) ? "not in #{@path}" : "no folder #{@path}"

        def to_s = @title
      end
    end
  end
end
