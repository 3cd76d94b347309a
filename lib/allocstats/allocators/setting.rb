# frozen_string_literal: true

module AllocStats
  module Allocators
    # One thing that was asked of an allocator, and what came of it.
    #
    # - `name` (String) of the option, in the allocator's own words
    # - `source` (String) the variable, the file or the part of the program that asks
    # - `allocator` (Symbol) whose setting it is
    # - `asked` (String) the text
    # - `in_force` the value now; nil where that cannot be read
    # - `state` (Symbol) one of Settings::STATES
    # - `reason` (String or nil) a sentence for every state but :in_force, and for that where it is no reading
    # - `corrected` (String or nil) where it does not do what its writer meant it to: the whole line that does, for a shell;
    #   nil where it cannot be seen what was meant
    Setting = Struct.new(:name, :source, :allocator, :asked, :in_force, :state, :reason, :corrected, keyword_init: true)
  end
end
