# frozen_string_literal: true

# Strings: looks for a word through two hundred descriptions, marks it, and counts the words around it.
class SearchController < ApplicationController
  def show
    @word = params.fetch(:q, "amber").first(40)
    @hits = Product.page(1, size: 200).select { |product| product.description.downcase.include?(@word.downcase) }
    @neighbours = @hits.flat_map { |product| product.description.scan(/\w+/) }.tally.max_by(10) { |_, count| count }
  end
end
