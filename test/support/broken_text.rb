# frozen_string_literal: true

require "json"

# A text as it could come one day: of another version, cut, of a file that changed while it was read, or of someone who
# means no good.
#
#   BrokenText.of("a 1\nb 2\n", Random.new(7))    # => "b 2\nb 2\na 1\n"
module BrokenText
  NUMBERS = %w[0 -1 -5 007 0x1f 1e309 NaN nan -Infinity inf 1.5 18446744073709551615 18446744073709551616 9223372036854775808].push("9" * 400, "").freeze
  BYTES = ["\xff", "\xc3", "\0", "\e", "\u2028", "<", "{", "[", "\"", ":", "=", ",", " ", "\n", "-", "%", "\\u0000", "{}[]"].map(&:b).freeze
  VALUES = [nil, true, "x", "\u2028", "7", -1, 0, 1.5, 1e300, 2**64, -2**70, [], {}, [nil], [[]], [-1], {"x" => 1}, {"current" => nil}].freeze
  MOST_CHANGES = 4

  module_function

  # @param text [String]
  # @return [String] bytes that are marked as the text was
  def of(text, random)
    broken = text.b
    broken = json(broken, random) if broken.start_with?("{") && random.rand(2).zero?
    random.rand(1..MOST_CHANGES).times { broken = change(broken, random) }
    broken.force_encoding(text.encoding)
  end

  def change(text, random)
    case random.rand(8)
    when 0 then lines(text, random) { |all, at| all.delete_at(at) }
    when 1 then lines(text, random) { |all, at| all.insert(random.rand(all.size), all[at]) }
    when 2 then lines(text, random) { |all, at| all.insert(random.rand(all.size), all.delete_at(at)) }
    when 3 then random.rand(4).zero? ? text.byteslice(0, random.rand(text.bytesize + 1)) : text
    when 4, 5 then replace(text, /\d+/n, random) { NUMBERS.sample(random: random) }
    when 6 then replace(text, /\w+/n, random) { text.scan(/\w+/n).sample(random: random) }
    else text.dup.insert(random.rand(text.bytesize + 1), BYTES.sample(random: random))
    end
  end

  # What ends like a line in one of these texts: a line, a variable, a pair, an element.
  def lines(text, random)
    all = text.split(/(?<=#{[/\n/, /\n/, /\0/, /[,:]/, />/].sample(random: random)})/n)
    yield all, random.rand(all.size) unless all.empty?
    all.join
  end

  def replace(text, pattern, random)
    places = []
    text.scan(pattern) { places << [$~.begin(0), $~.end(0)] }
    from, to = places.sample(random: random)
    from ? text[0...from] + yield.to_s.b + text[to..] : text
  end

  # Valid, and not what it was: a member is gone, has another name, or holds something else.
  def json(text, random)
    root = JSON.parse(text.dup.force_encoding(Encoding::UTF_8))
    random.rand(1..MOST_CHANGES).times { descend(root, random) }
    JSON.generate(root).b
  rescue JSON::JSONError
    text
  end

  def descend(node, random)
    keys = node.is_a?(Hash) ? node.keys : node.each_index.to_a
    key = keys.sample(random: random) or return
    inside = node[key]
    return descend(inside, random) if (inside.is_a?(Hash) || inside.is_a?(Array)) && !inside.empty? && random.rand(4) > 0
    case random.rand(3)
    when 0 then node.is_a?(Hash) ? node.delete(key) : node.delete_at(key)
    when 1 then node[key] = VALUES.sample(random: random)
    else node.is_a?(Hash) ? node[keys.sample(random: random)] = node.delete(key) : node.push(inside)
    end
  end
  private_class_method :change, :lines, :replace, :json, :descend
end
