# frozen_string_literal: true

require "ripper"

module House
  # What one file of Ruby defines and names, by its syntax alone.
  class Constants
    # `scope` is whether it is a class or module; `name` is whole: "AllocStats::Rack::Page".
    Definition = Struct.new(:name, :scope, :file, :line)

    # `names` are the whole names that it may stand for, the nearest first.
    Reference = Struct.new(:names, :file, :line)

    # A method of the facade that is called: AllocStats.purge
    Call = Struct.new(:method, :file, :line)

    attr_reader :definitions, :references, :calls

    def initialize(root, file)
      @file = file
      @definitions, @references, @calls = [], [], []
      walk(Ripper.sexp(File.read(File.join(root, file))) || raise("#{file} is not understood"), [])
    end

    private

    def walk(node, nesting)
      return unless node.is_a?(Array)
      case node.first
      when :module then opened(node[1], nesting) { |inner| walk(node[2], inner) }
      when :class
        walk(node[2], nesting)
        opened(node[1], nesting) { |inner| walk(node[3], inner) }
      when :assign, :opassign
        assigned(node[1], nesting)
        node.drop(2).each { |part| walk(part, nesting) }
      when :call, :command_call then call(node, nesting)
      when :const_path_ref, :top_const_ref, :var_ref then reference(node, nesting)
      else node.each { |part| walk(part, nesting) }
      end
    end

    def opened(name, nesting)
      path, line = path_of(name)
      whole = [nesting.last, path].compact.join("::")
      @definitions << Definition.new(whole, true, @file, line)
      yield nesting + [whole]
    end

    # NAME = ...
    def assigned(target, nesting)
      return walk(target, nesting) unless target.is_a?(Array) && target.first == :var_field && target.dig(1, 0) == :@const
      @definitions << Definition.new([nesting.last, target[1][1]].compact.join("::"), false, @file, target[1][2].first)
    end

    def call(node, nesting)
      receiver, _, method = node[1], node[2], node[3]
      if receiver.is_a?(Array) && path_of(receiver)&.first == "AllocStats" && method.is_a?(Array) && method.first == :@ident
        @calls << Call.new(method[1], @file, method[2].first)
      end
      node.drop(1).each { |part| walk(part, nesting) }
    end

    def reference(node, nesting)
      path, line = path_of(node)
      return node.each { |part| walk(part, nesting) } unless path
      return @references << Reference.new([path.delete_prefix("::")], @file, line) if path.start_with?("::")
      scopes = nesting.reverse.flat_map { |scope| outward(scope) }.uniq
      @references << Reference.new([*scopes.map { |scope| "#{scope}::#{path}" }, path], @file, line)
    end

    # A scope that was opened as A::B sees what is in B, and not what is in A: but so is what B inherits. Both are looked at.
    def outward(scope)
      parts = scope.split("::")
      parts.size.downto(1).map { |count| parts.first(count).join("::") }
    end

    # ["A::B", line] of a constant's node; nil for what is none.
    def path_of(node)
      case node.first
      when :@const then [node[1], node[2].first]
      when :const_ref, :var_ref then (node[1].is_a?(Array) && node[1].first == :@const) ? path_of(node[1]) : nil
      when :top_const_ref then path_of(node[1])&.then { |path, line| ["::#{path}", line] }
      when :const_path_ref
        left = path_of(node[1])
        left && ["#{left.first}::#{node[2][1]}", left.last]
      end
    end
  end
end
