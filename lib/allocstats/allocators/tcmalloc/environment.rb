# frozen_string_literal: true

module AllocStats
  module Allocators::Tcmalloc
    # The TCMALLOC_ variables of gperftools (its manual, "Modifying Runtime Behavior"). Which of them a library reads
    # depends on its version and on whether it is the minimal one: it reads those whose names are in its file.
    class Environment < Allocators::Environment
      PREFIX = "TCMALLOC_"

      # Those whose value a property shows, by how the text is read.
      SHOWN = {
        "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES" => ["tcmalloc.max_total_thread_cache_bytes", :integer],
        "TCMALLOC_AGGRESSIVE_DECOMMIT" => ["tcmalloc.aggressive_memory_decommit", :switch],
        "TCMALLOC_HEAP_LIMIT_MB" => ["tcmalloc.heap_limit_mb", :integer],
        "TCMALLOC_RELEASE_RATE" => [:release_rate, :decimal]
      }.freeze

      NAMES = [*SHOWN.keys, *%w[SAMPLE_PARAMETER LARGE_ALLOC_REPORT_THRESHOLD OVERRIDE_PAGESIZE SKIP_MMAP SKIP_SBRK TRANSFER_NUM_OBJ
        DISABLE_MEMORY_RELEASE DEVMEM_START DEVMEM_LIMIT MEMFS_MALLOC_PATH MEMFS_LIMIT_MB MEMFS_ABORT_ON_FAIL
        MEMFS_IGNORE_MMAP_FAIL MEMFS_MAP_PRIVATE MEMFS_DISABLE_FALLBACK].map { |name| "#{PREFIX}#{name}" }].freeze

      def allocator = :tcmalloc

      def settings
        with_corrections(@variables.select { |name, _| name.start_with?(PREFIX) }.map { |variable, text| running? ? judge(variable, text) : no_effect(short(variable), variable, text) })
      end

      private

      def judge(variable, text)
        return stranger(variable, text) unless read_by_library?(variable)
        property, kind = SHOWN[variable]
        return setting(short(variable), variable, text, :unreadable, "tcmalloc does not show it") unless property
        now = now(property)
        value = value_of(kind, text)
        return setting(short(variable), variable, text, :malformed, "tcmalloc takes a number for it", in_force: now) unless value
        compare(variable, property, text, value, now)
      rescue Unsupported => error
        setting(short(variable), variable, text, :unreadable, error.message)
      end

      # Of those whose value a property shows.
      def correction(setting)
        variable = [setting.source, UnknownName.nearest(setting.source, SHOWN.keys)].find { |name| SHOWN.key?(name) && read_by_library?(name) } or return
        property, kind = SHOWN[variable]
        text = bare(setting.asked)
        value = value_of(kind, text) or return
        range = range_of(property)
        [variable, (range.nil? || range.cover?(value)) ? text : value.clamp(range.begin, range.end).to_s]
      end

      def stranger(variable, text)
        return setting(short(variable), variable, text, :other_version, "#{Allocators.owner_path} does not read it") if NAMES.include?(variable)
        unknown(short(variable), variable, text, "variable of tcmalloc", NAMES, variable)
      end

      def read_by_library?(variable)
        @library ||= File.binread(Allocators.owner_path)
        @library.include?("#{variable}\0".b)
      rescue SystemCallError
        NAMES.include?(variable)
      end

      def now(property)
        (property == :release_rate) ? Allocators::Tcmalloc.release_rate : Property.fetch(property).value
      end

      def compare(variable, property, text, value, now)
        return setting(short(variable), variable, text, :in_force, nil, in_force: now) if now == value
        range = range_of(property)
        return setting(short(variable), variable, text, :adjusted, "tcmalloc has #{now} instead, for it takes #{range.begin} to #{range.end}", in_force: now) unless range.cover?(value)
        setting(short(variable), variable, text, :changed, "it was set to #{now} later", in_force: now)
      end

      def range_of(property)
        (property == :release_rate) ? Property::RELEASE_RATES : Property.fetch(property).range
      end

      def value_of(kind, text)
        case kind
        when :integer then Integer(text, 10, exception: false)
        when :decimal then Float(text, exception: false)
        else text.match?(/\A([tTyY1]|\z)/) ? 1 : 0
        end
      end

      # "release_rate"
      def short(variable)
        variable.delete_prefix(PREFIX).downcase
      end
    end
  end
end
