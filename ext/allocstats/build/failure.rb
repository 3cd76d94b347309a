# frozen_string_literal: true

module AllocStats
  # What builds the extension, and what fetches the archives it is built from. Needs nothing but Ruby's own library, so
  # that a gem installs where no other gem is; loaded by extconf.rb, the Rakefile and tests, never by the library.
  module Build
    ROOT = File.expand_path("../../..", __dir__)

    # The build cannot go on. The message is one sentence that also says what to do.
    class Failure < StandardError; end
  end
end
