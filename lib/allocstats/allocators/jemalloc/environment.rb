# frozen_string_literal: true

require "strscan"

module AllocStats
  module Allocators::Jemalloc
    # jemalloc's configuration: pairs "key:value,key:value" in several places, of which a later one goes before an earlier
    # one (jemalloc(3), "TUNING"). What came of a key is in opt.<key>.
    class Environment < Allocators::Environment
      VARIABLE = "MALLOC_CONF"
      FILE = "/etc/malloc.conf"

      # In jemalloc's order: what to call the place => the name under which 5.3.1 and later show its text.
      PLACES = {
        "--with-malloc-conf" => "config.malloc_conf",
        "malloc_conf of the program" => "opt.malloc_conf.global_var",
        FILE => "opt.malloc_conf.symlink",
        VARIABLE => "opt.malloc_conf.env_var",
        "malloc_conf_2_conf_harder of the program" => "opt.malloc_conf.global_var_2_conf_harder"
      }.freeze

      # Keys that jemalloc takes and for which it has no opt.<key>.
      UNSHOWN = %w[bin_shards calloc_madvise_threshold hpa_hugification_threshold_ratio hpa_purge_threshold_ratio log narenas_ratio
        prof_log prof_unbias san_guard_large san_guard_small slab_sizes tcache_ncached_max].freeze

      # Keys that are read from this version on only, where opt.<key> does not tell: 5.3.0 has opt.cache_oblivious and reads
      # no key for it.
      SINCE = %w[cache_oblivious calloc_madvise_threshold hpa_purge_threshold_ratio tcache_ncached_max].to_h { |key| [key, "5.3.1"] }.freeze

      # Sets opt.tcache_max.
      LOGARITHM = "lg_tcache_max"

      # The words that jemalloc takes, where the value is one; it ignores others.
      WORDS = {
        thp: %w[default always never], metadata_thp: %w[disabled auto always], percpu_arena: %w[disabled percpu phycpu],
        dss: %w[disabled primary secondary], zero_realloc: %w[alloc free abort], junk: %w[true false alloc free]
      }.freeze

      # Keys of jemalloc 3 and 4 that 5.0 took away.
      FORMER = %w[decay_time lg_chunk lg_dirty_mult munmap purge quarantine redzone tls].freeze

      # opt.<key> is what it was at the start; this is what it is now.
      NOW = {
        "dirty_decay_ms" => "arenas.dirty_decay_ms", "muzzy_decay_ms" => "arenas.muzzy_decay_ms",
        "background_thread" => "background_thread", "max_background_threads" => "max_background_threads",
        "prof_active" => "prof.active", "prof_thread_active_init" => "prof.thread_active_init", "lg_prof_sample" => "prof.lg_sample"
      }.freeze

      Pair = Struct.new(:key, :text, :place, :malformed, keyword_init: true)

      # Whether the running version is new enough for a key.
      def self.reads?(key)
        !SINCE.key?(key) || VersionNumber.new(Allocators.bound_version) >= VersionNumber.new(SINCE[key])
      end

      def allocator = :jemalloc

      def settings
        pairs = places.flat_map { |place, text| parse(text, place) }
        with_corrections(pairs.map { |pair| judge(pair, pairs.select { |other| other.key == pair.key && !other.malformed }) })
      end

      private

      # place => text, of those that hold something
      def places
        asked = PLACES.to_h { |place, name| [place, (shown(name) if running?)] }
        asked[FILE] ||= link
        asked[VARIABLE] ||= @variables[VARIABLE]
        asked.reject { |_, text| text.nil? || text.empty? }
      end

      def shown(name)
        Allocators::Environment.text(Mallctl.read(name))
      rescue Unsupported
        nil
      end

      # The name that the link points to is the text.
      def link
        Allocators::Environment.text(File.readlink(FILE))
      rescue SystemCallError
        nil
      end

      # As malloc_conf_next reads it: from where it does not understand the text it reads no further.
      def parse(text, place)
        scanner = StringScanner.new(text)
        pairs = []
        while !scanner.eos? && scanner.scan(/([A-Za-z0-9_]*):([^,]*)(,|\z)/)
          pairs << Pair.new(key: scanner[1], text: scanner[2], place: place)
        end
        pairs << Pair.new(key: scanner.rest[/\A\w*/], text: scanner.rest, place: place, malformed: true) unless scanner.eos?
        pairs
      end

      # All of the variable; what stands in a file or a program is not mended by a line.
      def correction(setting)
        return unless setting.source == VARIABLE
        @correction ||= [VARIABLE, Correction.new(bare(places[VARIABLE]), keys: keys.select { |key| read?(key) }, kinds: method(:kind)).text]
      end

      # Whether the running version has it.
      def read?(key)
        self.class.reads?(key) && (UNSHOWN.include?(key) || !Mallctl.read("opt.#{option_of(key)}").nil?)
      rescue Unsupported
        false
      end

      def kind(key)
        return if UNSHOWN.include?(key)
        start = Mallctl.read("opt.#{option_of(key)}")
        (start == false) ? true : words(key) || start
      end

      # A process with more rights than its user's does not listen to the environment.
      def heard?(place)
        (place == VARIABLE) ? steered? : running?
      end

      # @param same [Array<Pair>] all of this key, in order
      def judge(pair, same)
        return no_effect(pair.key, pair.place, pair.text) unless heard?(pair.place)
        return of(pair, :malformed, "jemalloc takes key:value pairs with commas between them, and reads no further than this") if pair.malformed
        return of(pair, :other_version, "#{pair.key} is read from jemalloc #{SINCE[pair.key]} on") unless self.class.reads?(pair.key)
        return of(pair, :unreadable, "jemalloc does not show #{pair.key}") if UNSHOWN.include?(pair.key)
        return of(pair, :other_version, "jemalloc 5.0 took #{pair.key} away") if FORMER.include?(pair.key)
        compare(pair, same, Mallctl.read("opt.#{option_of(pair.key)}"))
      rescue Unsupported => error
        of(pair, :other_version, error.message)
      rescue UnknownName
        newer?(pair.key) ? of(pair, :unreadable, "allocstats does not know of which type #{pair.key} is") : unknown(pair.key, pair.place, pair.text, "key of jemalloc's", keys)
      end

      def option_of(key)
        (key == LOGARITHM) ? "tcache_max" : key
      end

      def keys
        Mallctl.catalogue.keys.filter_map { |name| name.delete_prefix("opt.") if name.start_with?("opt.") } + UNSHOWN
      end

      # Whether the running jemalloc has what allocstats has not. Whatever type it is read as, only reading is done.
      def newer?(key)
        Mallctl.read("opt.#{key}", type: "size_t", unsafe: true)
        true
      rescue InvalidValue
        true
      rescue Error
        false
      end

      # @param start what jemalloc had made of all texts of this key at the start. One that it did not take leaves an
      #   earlier one in force.
      def compare(pair, same, start)
        value = value_of(pair, start)
        return of(pair, :malformed, "#{pair.key} takes #{expected(pair.key, start)}", start) if value.nil?
        counts = same.reverse.find { |other| value_of(other, start) == start } || same.last
        return of(pair, :overridden, "#{counts.place} says #{counts.key}:#{counts.text} after it", start) if same.index(pair) < same.index(counts)
        return of(pair, :adjusted, "jemalloc has #{start} instead", start) unless value == start
        now = now(pair.key, start)
        (now == start) ? of(pair, :in_force, nil, now) : of(pair, :changed, "it was set to #{now} later", now)
      end

      # What NOW names can need more than the option does: opt.prof.
      def now(key, start)
        NOW.key?(key) ? Mallctl.read(NOW[key]) : start
      rescue Unsupported
        start
      end

      # The text as jemalloc reads what is of the same type as `start`; nil where it reads nothing from it.
      def value_of(pair, start)
        case start
        when true, false then {"true" => true, "false" => false}[pair.text]
        when Integer then integer(pair, start)
        else pair.text if words(pair.key).nil? || words(pair.key).include?(pair.text)
        end
      end

      def integer(pair, start)
        return start if pair.key == "narenas" && pair.text == "default"
        value = number(pair.text)
        (pair.key == LOGARITHM) ? value&.then { |exponent| 2**exponent if exponent.between?(0, 63) } : value
      end

      def number(text)
        Integer(text.strip, exception: false) if text.match?(/\A\s*[-+]?(0x\h+|\d+)\z/i)
      end

      def expected(key, start)
        case start
        when true, false then "true or false"
        when Integer then "a number"
        else Formats.listed(words(key))
        end
      end

      def words(key)
        WORDS[key.to_sym]
      end

      def of(pair, state, reason, in_force = nil)
        setting(pair.key, pair.place, pair.text, state, reason, in_force: in_force)
      end
    end
  end
end
