# frozen_string_literal: true

module AllocStats
  module Allocators::Mimalloc
    # mimalloc's variables, MIMALLOC_<OPTION> in letters of either case.
    class Environment < Allocators::Environment
      PREFIX = /\Amimalloc_/i

      # Names that versions still read for an option that has another one by now; a variable of the new name goes before.
      FORMER = {
        "abandoned_page_reset" => %w[abandoned_page_decommit abandoned_page_purge], "abandoned_reclaim_on_free" => %w[reclaim_on_free page_reclaim_on_free],
        "decommit_extend_delay" => %w[purge_extend_delay], "eager_region_commit" => %w[arena_eager_commit], "large_os_pages" => %w[allow_large_os_pages],
        "limit_os_alloc" => %w[disallow_os_alloc], "minimal_purge_size" => %w[arena_purge_min_size], "reset_decommits" => %w[purge_decommits],
        "reset_delay" => %w[decommit_delay purge_delay]
      }.freeze

      # Variables of buildpacks, which mimalloc does not know.
      BUILDPACKS = %w[MIMALLOC_ENABLED MIMALLOC_VERSION].freeze

      WORDS = {"" => 1, "1" => 1, "TRUE" => 1, "YES" => 1, "ON" => 1, "0" => 0, "FALSE" => 0, "NO" => 0, "OFF" => 0}.freeze
      SIZE = /\A([-+]?\d+)(?:([KMGT])(?:IB|B)?|IB|B)?\z/
      KIB = {"K" => 1, "M" => 2**10, "G" => 2**20, "T" => 2**30}.freeze

      def allocator = :mimalloc

      def settings
        with_corrections(asked.map { |source, text|
          name = source.sub(PREFIX, "").downcase
          running? ? judge(name, source, text) : no_effect(name, source, text)
        })
      end

      private

      def asked
        @asked ||= @variables.select { |name, _| name.match?(PREFIX) && !BUILDPACKS.include?(name) }
      end

      def options
        @options ||= MiOption.all.transform_keys(&:name)
      end

      def judge(name, source, text)
        option = options[name] || options[FORMER[name]&.find { |later| options.key?(later) }]
        return stranger(name, source, text) unless option
        former = (option.name.name != name)
        now = option.value
        value = number(text, option)
        return setting(name, source, text, :malformed, "#{option.name} takes #{expected(option)}", in_force: now) unless value
        return setting(name, source, text, :overridden, "#{option.variable} goes before it", in_force: now) if former && given?(option)
        return setting(name, source, text, :in_force, nil, in_force: now) if now == value
        state, reason = difference(option, source, value, now, former)
        setting(name, source, text, state, reason, in_force: now)
      end

      def correction(setting)
        option = meant(setting.name) or return
        value = number(bare(setting.asked).sub(/(?<=\d)\s*m?s\z/i, ""), option) or return
        value = value.clamp(option.range) if option.range
        Options::OfVersion.new(option).line(value)
      end

      # The option of the running version that a name stands for.
      def meant(name)
        MiOption.fetch(name)
      rescue Unsupported
        nil
      rescue UnknownName
        nearest = UnknownName.nearest(name, options.keys)
        options[nearest] if nearest
      end

      def given?(option)
        asked.keys.any? { |source| source.casecmp?(option.variable) }
      end

      # mimalloc shows what is in force, and not what was at the start.
      def difference(option, source, value, now, former)
        return [:adjusted, "mimalloc has #{now} instead, for it takes #{option.range.begin} to #{option.range.end}"] if option.range && !option.range.cover?(value)
        return [:other_version, "#{Allocators.title} calls it #{option.name}, and #{source} has not set that, or it was set to #{now} later"] if former
        [:changed, "it was set to #{now} later"]
      end

      def stranger(name, source, text)
        setting(name, source, text, :other_version, "#{Allocators.title} calls it #{MiOption.fetch(name).name} and does not read #{source}")
      rescue Unsupported => error
        setting(name, source, text, :other_version, error.message)
      rescue UnknownName
        unknown(name, source, text, "option of mimalloc", options.keys)
      end

      def expected(option)
        (option.unit == :KiB) ? "a number of bytes, or one with KiB, MiB or GiB behind it" : "a number"
      end

      # As mi_option_init reads it.
      def number(text, option)
        upper = text[0, 64].upcase
        WORDS.fetch(upper) { (option.unit == :KiB) ? kib(upper) : Integer(upper, 10, exception: false) }
      end

      # Without a unit it is bytes.
      def kib(text)
        digits, unit = SIZE.match(text)&.captures
        return unless digits
        size = [Integer(digits, 10), 0].max
        unit ? size * KIB.fetch(unit) : -(-size / 1024)
      end
    end
  end
end
