# frozen_string_literal: true

Rails.application.routes.draw do
  root "products#index"
  resources :products, only: [:index, :show]
  get "feed", to: "feed#show"
  get "search", to: "search#show"
  get "up", to: "rails/health#show"
end
