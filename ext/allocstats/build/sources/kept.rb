# frozen_string_literal: true

require "fileutils"

module AllocStats
  module Build
    module Sources
      # Where a download is put: whole or not at all, so that a broken transfer is never found by the next build.
      module Kept
        module_function

        # A path in `folder`, or in the current one where that cannot be written (a gem installed by another user).
        def path(folder, file)
          FileUtils.mkdir_p(folder)
          File.join(File.writable?(folder) ? folder : Dir.pwd, file)
        rescue SystemCallError
          File.join(Dir.pwd, file)
        end

        def write(path, bytes)
          File.binwrite("#{path}.part", bytes)
          File.rename("#{path}.part", path)
          path
        end
      end
    end
  end
end
