# frozen_string_literal: true

# A product that is made from its number alone, so that the shop needs no database: every request builds its own,
# as rows fetched from a table would be built.
class Product
  COUNT = 20_000
  WORDS = %w[amber birch copper delta ember fjord garnet harbour indigo juniper kelp linen marble nutmeg olive pearl
    quartz russet saffron teal umber velvet willow yarrow zinc].freeze

  attr_reader :id, :name, :description, :price_in_cents, :tags

  def self.page(number, size: 100)
    first = (number - 1) * size
    (first...first + size).map { |id| new(id % COUNT) }
  end

  def initialize(id)
    @id = id
    random = Random.new(id)
    @name = Array.new(3) { WORDS.sample(random: random).capitalize }.join(" ")
    @description = Array.new(random.rand(20..120)) { WORDS.sample(random: random) }.join(" ").capitalize << "."
    @price_in_cents = random.rand(100..100_000)
    @tags = WORDS.sample(4, random: random)
  end

  def to_param = id.to_s

  def as_json(*)
    {id: id, name: name, description: description, price: price_in_cents / 100.0, tags: tags}
  end
end
