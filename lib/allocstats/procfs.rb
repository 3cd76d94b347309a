# frozen_string_literal: true

module AllocStats
  # What is read of a process's folder in /proc (proc(5)), and of the files that it was started from, as text and bytes.
  # Knows nobody: what it means is said elsewhere.
  module Procfs
    autoload :ElfFile, "allocstats/procfs/elf_file"
    autoload :Folder, "allocstats/procfs/folder"
    autoload :Preloads, "allocstats/procfs/preloads"
    autoload :Reason, "allocstats/procfs/reason"
    autoload :StartEnvironment, "allocstats/procfs/start_environment"
  end
end
