# frozen_string_literal: true

# What `allocstats exec --heap-profile FILE` has each Ruby load first. A Ruby that the extension was not built for goes on
# without a profile.
begin
  require "allocstats/facade"
  AllocStats::HeapProfile::AtExit.begin if AllocStats.supported?
rescue LoadError => error
  warn("allocstats: no heap profile: #{error.message}")
end
