# frozen_string_literal: true

module AllocStats
  # In the extension's place on platforms other than Linux: the gem loads, and whatever is asked of it is Unsupported.
  module Stub
    MESSAGE = "allocstats measures Linux processes; this platform is #{RbConfig::CONFIG["host_os"]}"

    FACADE = %i[allocator sample figures census memory ledger private_heap doctor surroundings report tune settings metrics health
      mallctl mallctl_many mallctls malloc_stats
      mi_option mi_options mi_option_catalogue mi_stats mi_process_info
      mallopt mallopts mallopt_catalogue malloc_info mallinfo2 malloc_trim glibc_tunables
      tcmalloc_property tcmalloc_properties tcmalloc_release_rate tcmalloc_release_free_memory].freeze

    FACADE.each do |name|
      define_method(name) { |*, **| raise Unsupported, MESSAGE }
    end
  end

  singleton_class.prepend(Stub)
end
