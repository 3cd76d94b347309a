# frozen_string_literal: true

module AllocStats
  module Allocators
    # How an allocator is had that can be preloaded.
    #
    # - `file` (Regexp) the names of its libraries, without builds for debugging and with guards
    # - `hint` (String) what distributions call its package
    # - `switch` (String, nil) the buildpacks' variable that asks for it
    # - `bundled` (Boolean) whether this gem can be installed with it (ALLOCSTATS_BUNDLE)
    Packages = Struct.new(:file, :hint, :switch, :bundled, keyword_init: true)
  end
end
