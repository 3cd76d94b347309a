# frozen_string_literal: true

module AllocStats
  module Launch
    # The allocators that are installed on this machine: where the dynamic linker looks, and where the distributions put
    # libraries.
    module System
      # Name of the allocator => of its files.
      FILES = Allocators.preloadable.to_h { |allocator| [allocator.id, allocator.packages.file] }.freeze

      # ldconfig(8) writes the paths that it knows, each ended by a NUL.
      CACHE = "/etc/ld.so.cache"

      # Debian and Ubuntu have a folder for each architecture, Fedora lib64, Alpine and Arch /usr/lib; Homebrew its own
      # prefix.
      FOLDERS = %w[/usr/lib/*-linux-* /lib/*-linux-* /usr/lib64 /lib64 /usr/lib /lib /usr/local/lib64 /usr/local/lib
        /home/linuxbrew/.linuxbrew/lib].freeze

      module_function

      # Those that this process's own kind can load, each file once, in the order of NAMES and then of the places.
      # @return [Array<Library>]
      def libraries(root: "", environment: ENV)
        found(root: root, environment: environment).select { |library| library.refusal.nil? }
      end

      # Those of other architectures and C libraries too.
      def found(root: "", environment: ENV)
        paths = (from_cache(root) + in_folders(root, environment)).group_by { |path| identity(path) }.values
        paths.filter_map { |same| library(same.min_by { |path| lasting(path) }) }
          .sort_by.with_index { |library, index| [NAMES.index(library.name.name), index] }
      end

      # The name that stays over updates comes first: libmimalloc.so.2, neither libmimalloc.so.2.0 nor libmimalloc.so, which
      # belongs to the development files.
      def lasting(path)
        [path.end_with?(".so") ? 1 : 0, path.count("."), path.length]
      end
      private_class_method :lasting

      def library(path)
        name = allocator_of(path)
        Library.new(path, origin: :system, name: name) if name
      end
      private_class_method :library

      # @return [Symbol, nil]
      def allocator_of(path)
        FILES.find { |_, file| File.basename(path).match?(file) }&.first
      end
      private_class_method :allocator_of

      def from_cache(root)
        paths = File.binread("#{root}#{CACHE}").scan(%r{/[^\0]+/[^\0/]+\.so[^\0/]*(?=\0)}n).select { |path| allocator_of(path) }
        paths.map { |path| "#{root}#{path.force_encoding(Encoding.find("filesystem"))}" }.select { |path| File.file?(path) }
      rescue SystemCallError
        []
      end
      private_class_method :from_cache

      def in_folders(root, environment)
        own = environment["LD_LIBRARY_PATH"].to_s.split(/[:;]/) + [environment["HOMEBREW_PREFIX"]].compact.map { |prefix| "#{prefix}/lib" }
        folders = own.select { |folder| folder.start_with?("/") } + FOLDERS.flat_map { |pattern| Dir.glob("#{root}#{pattern}") }
        folders.select { |folder| File.directory?(folder) }.uniq { |folder| identity(folder) }.flat_map { |folder| named_in(folder) }
      end
      private_class_method :in_folders

      def named_in(folder)
        names = Dir.children(folder).select { |name| allocator_of(name) }
        names.sort.map { |name| File.join(folder, name) }.select { |path| File.file?(path) }
      rescue SystemCallError, ArgumentError
        []
      end
      private_class_method :named_in

      def identity(path)
        stat = File.stat(path)
        [stat.dev, stat.ino]
      end
      private_class_method :identity
    end
  end
end
