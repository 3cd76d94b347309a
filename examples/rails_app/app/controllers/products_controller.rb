# frozen_string_literal: true

# HTML: a long list by way of a partial per product, and one product by itself.
class ProductsController < ApplicationController
  def index
    @page = params.fetch(:page, 1).to_i.clamp(1, 100)
    @products = Product.page(@page)
  end

  def show
    @product = Product.new(params[:id].to_i.clamp(0, Product::COUNT - 1))
  end
end
