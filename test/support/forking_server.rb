# frozen_string_literal: true

require "socket"
require "support/puma_server"

# A real Unicorn or Pitchfork, run as PumaServer runs Puma:
#
#   ForkingServer.run(:unicorn, rackup: %(run ->(env) { ... }), workers: 2, config: "preload_app true") { |server| ... }
class ForkingServer < PumaServer
  def self.run(name, rackup:, workers: 2, config: "", **options, &block)
    Dir.mktmpdir("allocstats-#{name}") do |folder|
      port = TCPServer.open("127.0.0.1", 0) { |socket| socket.addr[1] }
      File.write("#{folder}/config.ru", rackup)
      File.write("#{folder}/server.rb", <<~CONFIG)
        listen "127.0.0.1:#{port}"
        worker_processes #{workers}
        #{config}
      CONFIG
      new(name, port, folder: folder, gemfile: GEMFILE, **options).run(&block)
    end
  end

  def initialize(name, port, **options)
    super(["-c", "server.rb", "config.ru"], command: [name.to_s], **options)
    @wanted_port = port
  end

  private

  # Both log that they listen before a worker does.
  def listening_port = log[/listening on addr=127\.0\.0\.1:(#{@wanted_port})\b/, 1]
end
