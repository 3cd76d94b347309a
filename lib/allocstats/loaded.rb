# frozen_string_literal: true

module AllocStats
  # What others have loaded into this process. Looking loads nothing: a constant that waits for its first mention to be
  # loaded is not there yet.
  module Loaded
    module_function

    #   Loaded.constant("Puma::Const::PUMA_VERSION")   # => "6.4.3"
    #
    # @param path [String] of modules and classes, from the top level on
    # @return [Object, nil] its value; nil where it, or what is around it, is not there
    def constant(path)
      path.split("::").reduce(Object) do |scope, name|
        break if scope.autoload?(name, false) || !scope.const_defined?(name, false)
        scope.const_get(name, false)
      end
    end
  end
end
