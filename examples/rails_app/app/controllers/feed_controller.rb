# frozen_string_literal: true

# JSON: a page of the catalogue as one document; every fourth page stays in the cache, as hot pages do.
class FeedController < ApplicationController
  def show
    page = params.fetch(:page, 1).to_i.clamp(1, 100)
    render json: (page % 4).zero? ? Rails.cache.fetch("feed/#{page}") { feed(page) } : feed(page)
  end

  private

  def feed(page)
    {page: page, products: Product.page(page, size: 150)}.to_json
  end
end
