# frozen_string_literal: true

module AllocStats
  module Rails
    # The endpoint at its place among an application's routes: the path itself, with .json after it, and all below.
    # `mount` would not do: for it, /allocator.json and /allocator-else are below /allocator too.
    class Mount
      # login:: whether the application's own way to sign in opens the endpoint
      def initialize(endpoint, path, login: false)
        @endpoint = endpoint
        @path = path
        @login = login
      end

      # mapper:: what the block of `routes.draw` is run by
      def draw(mapper)
        mapper.match(@path, to: self, via: :all, format: false, as: :allocstats)
        mapper.match("#{@path}.json", to: self, via: :all, format: false)
        mapper.match("#{@path}/*below", to: self, via: :all, format: false)
      end

      # Warden sends whoever gets a 401 to the application's login: right where that lets in, and else in the way of the
      # browser that is to ask for a token. Devise has it do so only when it is told to, by a throw.
      def call(env)
        warden = env["warden"] if env["warden"].respond_to?(:custom_failure!)
        warden&.custom_failure! unless @login
        below = env["PATH_INFO"].delete_prefix(@path)
        answer = @endpoint.call(env.merge("SCRIPT_NAME" => "#{env["SCRIPT_NAME"]}#{@path}", "PATH_INFO" => below))
        throw :warden if warden && @login && answer.first == 401
        answer
      end

      # Whether the key of this start opens it.
      def key? = @endpoint.key?

      # What `rails routes` shows.
      def inspect = @endpoint.class.name
    end
  end
end
