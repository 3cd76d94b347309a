# frozen_string_literal: true

module AllocStats
  module Allocators
    # How an allocator spreads what it holds over arenas.
    #
    # - `per_processor` (Integer) how many it may make for each processor that it sees
    # - `option` (String) what bounds them, and `line` what sets that at the start
    # - `apart` (Boolean) each keeps what is free in it from the others, and shows in /proc/<pid>/maps (OtherProcess::Maps)
    Arenas = Struct.new(:per_processor, :option, :line, :apart, keyword_init: true)
  end
end
