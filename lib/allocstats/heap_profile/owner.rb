# frozen_string_literal: true

module AllocStats
  module HeapProfile
    # Whose code a file is: a gem's, Ruby's own library, or the application's.
    module Owner
      RUBY = "(Ruby)"
      LIBRARY = "(Ruby's library)"
      APPLICATION = "(application)"

      # NAME-VERSION below a folder of gems, or NAME-REVISION of one from git.
      GEM = %r{/gems/([^/]+?)-(\d[^/-]*|\h{7,40})(?:-[^/]+)?/}

      module_function

      def of(path)
        return RUBY if path.nil? || path.start_with?("<internal:")
        return "#{$1} #{$2}" if GEM =~ path

        library?(path) ? LIBRARY : APPLICATION
      end

      def library?(path)
        RbConfig::CONFIG.values_at("rubylibdir", "rubyarchdir").any? { |folder| folder && path.start_with?("#{folder}/") }
      end
    end
  end
end
