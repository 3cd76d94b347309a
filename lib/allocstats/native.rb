# frozen_string_literal: true

require "rbconfig" # which RubyGems loads, where it is

module AllocStats
  # Whether this platform has what allocstats needs: Linux, and the extension that was built for it.
  def self.supported?
    !const_defined?(:Stub, false)
  end
end

if RbConfig::CONFIG["host_os"].include?("linux") && RUBY_ENGINE == "ruby"
  begin
    require "allocstats/allocstats"
  rescue LoadError => error
    raise unless error.path.to_s.end_with?("allocstats/allocstats") || error.message.include?("allocstats")
    raise LoadError, "the extension of allocstats is not built for this Ruby (#{error.message}); `gem pristine allocstats` builds it"
  end
else
  require_relative "stub"
end
