# frozen_string_literal: true

require "test_helper"
require "rbs"

# The signatures in sig, held against the classes that are there: a method that was renamed or taken away leaves no
# signature behind, and what the facade offers has one.
class SignaturesTest < Minitest::Test
  FOLDER = Pathname(File.expand_path("../sig", __dir__))

  def declarations
    @declarations ||= FOLDER.glob("**/*.rbs").flat_map do |path|
      RBS::Parser.parse_signature(RBS::Buffer.new(name: path, content: path.read)).last
    end
  end

  # Yields each module or class that is declared, with its full name.
  def each_module(members = declarations, prefix = "", &block)
    members.grep(RBS::AST::Declarations::Base).each do |declaration|
      next unless declaration.respond_to?(:members)
      next if declaration.is_a?(RBS::AST::Declarations::Interface)

      name = "#{prefix}#{declaration.name.to_s.delete_prefix("::")}"
      yield name, declaration
      each_module(declaration.members, "#{name}::", &block)
    end
  end

  def methods_of(declaration)
    declaration.members.flat_map do |member|
      case member
      when RBS::AST::Members::MethodDefinition, RBS::AST::Members::Alias then [[member.kind, (member.respond_to?(:name) ? member.name : member.new_name)]]
      when RBS::AST::Members::AttrReader then [[member.kind, member.name]]
      else []
      end
    end
  end

  def has?(owner, kind, name)
    return owner.private_method_defined?(name) if name == :initialize
    return true if kind != :instance && owner.respond_to?(name, true)
    kind != :singleton && owner.method_defined?(name)
  end

  # What is there only in an application that has the library it stands on.
  def constant(name)
    Object.const_get(name)
  rescue LoadError, NameError => error
    raise unless /Rails|Sidekiq|Yabeda|Prometheus|Puma/.match?("#{name} #{error.message}")
  end

  def test_each_signature_has_its_method
    missing = []
    each_module do |name, declaration|
      next unless name.start_with?("AllocStats") && (owner = constant(name)).is_a?(Module)

      methods_of(declaration).each { |kind, method| missing << "#{name} #{kind} #{method}" unless has?(owner, kind, method) }
    end
    assert_empty missing
  end

  def test_the_facade_has_signatures
    declared = []
    each_module { |name, declaration| declared.concat(methods_of(declaration).map(&:last)) if name == "AllocStats" }
    assert_empty AllocStats.singleton_methods.sort - declared
  end
end
