# frozen_string_literal: true

require "erb"

module AllocStats
  module Rack
    class Page
      # An ERB file of page/templates in which whatever is inserted is escaped by Markup.of: it cannot be forgotten.
      class Template < ERB
        FOLDER = File.join(__dir__, "templates")

        # Makes a method of a class from a file; to be called while the class is loaded.
        def self.define(owner, method, name)
          path = File.join(FOLDER, "#{name}.html.erb")
          new(File.read(path, encoding: Encoding::UTF_8), trim_mode: "-").def_method(owner, method, path)
        end

        # ERB's hook for where inserted text goes. What it appends to this is "((the expression).to_s)".
        def set_eoutvar(compiler, variable = "_erbout")
          super
          compiler.insert_cmd = "#{variable} << ::AllocStats::Rack::Page::Markup.of"
        end
      end
    end
  end
end
