# frozen_string_literal: true

# Code for a process under test that knows its threads by their names.
module ThreadNames
  # How many of the process's threads are jemalloc's own. One that ends between being listed and being read is none of them.
  JEMALLOCS = 'Dir.glob("/proc/self/task/*/comm").count { |path| File.read(path).start_with?("jemalloc_bg") rescue false }'
end
