# frozen_string_literal: true

require "net/http"
require "support/server_process"
require "tmpdir"

# A real nginx in front of another server, with nothing but `proxy_pass`, as a person sets it up who has read one page:
#
#   NginxServer.before("http://127.0.0.1:9292") { |nginx| nginx.get("/") }
#   NginxServer.before("http://unix:/run/puma.sock")
class NginxServer < ServerProcess
  PROGRAM = ["/usr/sbin/nginx", "/usr/bin/nginx"].find { |path| File.executable?(path) }

  # Why there is none here, for `skip`.
  def self.missing = ("there is no nginx on this machine: install nginx" unless PROGRAM)

  # lines:: further ones of the location
  def self.before(address, lines: "")
    Dir.mktmpdir("allocstats-nginx") do |folder|
      File.chmod(0o755, folder)
      port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
      File.write("#{folder}/nginx.conf", <<~CONFIG)
        daemon off;
        worker_processes 1;
        pid #{folder}/nginx.pid;
        error_log stderr notice;
        events {}
        http {
          access_log off;
          #{%w[client_body proxy fastcgi uwsgi scgi].map { |name| "#{name}_temp_path #{folder}/#{name};" }.join(" ")}
          server {
            listen 127.0.0.1:#{port};
            location / { proxy_pass #{address}; #{lines} }
          }
        }
      CONFIG
      new(folder, port).run { |server| yield server }
    end
  end

  def initialize(folder, port)
    super(PROGRAM, "-e", "stderr", "-p", folder, "-c", "#{folder}/nginx.conf")
    @configured = port
  end

  def get(path, headers = {}) = request(Net::HTTP::Get.new(path, headers))

  def request(request) = Net::HTTP.start("127.0.0.1", port, read_timeout: 30) { |http| http.request(request) }

  private

  def listening_port = (@configured if log.include?("start worker process "))
end
