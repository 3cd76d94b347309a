# frozen_string_literal: true

module AllocStats
  module Launch
    # The libraries that were built when the gem was installed (ALLOCSTATS_BUNDLE), each in a folder of its own with the
    # record of what it was built from.
    module Bundled
      FOLDER = File.expand_path("../bundled", __dir__)
      RECORD = "built.json"

      module_function

      # @return [Array<Library>] in the order of NAMES, newest first
      def libraries(folder = FOLDER)
        Dir.glob("*/#{RECORD}", base: folder).filter_map { |record| library(File.join(folder, record)) }
          .sort_by { |library| [NAMES.index(library.name.name), numbers(library.version).map(&:-@)] }
      end

      # "5.3.1" as what can be compared
      def numbers(version)
        version.scan(/\d+/).map(&:to_i)
      end

      # nil for a folder that holds something else.
      def library(record)
        require "json"
        build = JSON.parse(File.read(record), symbolize_names: true)
        return unless NAMES.include?(build[:name])
        Library.new(File.join(File.dirname(record), build.fetch(:library)), origin: :bundled,
          name: build[:name].to_sym, version: build.fetch(:version), build: build.slice(:archive, :archive_sha256, :archive_origin))
      rescue SystemCallError, JSON::ParserError, KeyError
        nil
      end
      private_class_method :library
    end
  end
end
