# frozen_string_literal: true

require "fileutils"

module AllocStats
  module Build
    module Sources
      # Where a download is put: only if its bytes are the pinned ones, and whole or not at all, so that a broken
      # transfer is never found by the next build.
      module Kept
        module_function

        # Writes into `folder`, or into the current one where that cannot be written (a gem that another user installed),
        # and answers the path.
        def write(folder, pin, bytes, place)
          pin.verify(bytes, place)
          path = File.join(writable(folder), pin.file)
          File.binwrite("#{path}.part", bytes)
          File.rename("#{path}.part", path)
          path
        end

        def writable(folder)
          FileUtils.mkdir_p(folder)
          File.writable?(folder) ? folder : Dir.pwd
        rescue SystemCallError
          Dir.pwd
        end
      end
    end
  end
end
