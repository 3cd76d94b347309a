# frozen_string_literal: true

require_relative "failure"
require_relative "sources/folder"
require_relative "sources/upstream"
require_relative "sources/debian"

module AllocStats
  module Build
    # Where archives come from. A source answers `fetch(pin)` with the path of a file that it takes for the pinned
    # archive (Archive checks its bytes), or nil, and then `reason` says why in a few words; `to_s` names it.
    module Sources
      # Downloads are kept here in a checkout, and the gem carries its archive here.
      ARCHIVES = File.join(ROOT, "archives")

      # In the order in which they are asked. `folder` is the user's own; `mirror` is a URL to ask instead of upstream;
      # without `download` nothing that needs the network is asked; `keep` is where downloads go.
      def self.usual(folder: ENV["ALLOCSTATS_ARCHIVES"], mirror: ENV["ALLOCSTATS_ARCHIVE_MIRROR"], download: true,
        keep: ARCHIVES)
        sources = [Folder.new(ARCHIVES, "the gem's archives")]
        sources << Folder.new(folder, "the folder named by --with-archives or ALLOCSTATS_ARCHIVES") if folder
        sources.push(Upstream.new(keep, mirror: mirror), Debian.new(keep)) if download
        sources
      end
    end
  end
end
