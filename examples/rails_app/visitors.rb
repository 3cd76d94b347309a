# frozen_string_literal: true

# Visits the shop as a few people at once would, and ends with a line that says what was served:
#
#   ruby visitors.rb http://127.0.0.1:3000 400 8     # 400 requests by 8 visitors
#
# Fails when any answer is not 200.

require "net/http"

url, requests, visitors = ARGV
site = URI(url)
requests = Integer(requests || 400)
visitors = Integer(visitors || 8)

words = %w[amber copper fjord juniper quartz velvet]
pages = ->(i) { ["/products?page=#{i % 100 + 1}", "/feed?page=#{i % 100 + 1}", "/search?q=#{words[i % words.size]}", "/products/#{i}"][i % 4] }

todo = Queue.new
requests.times { |i| todo << pages.call(i) }
todo.close

started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
answers = Array.new(visitors) do
  Thread.new do
    Net::HTTP.start(site.host, site.port, read_timeout: 30) do |http|
      served = []
      while (path = todo.pop)
        answer = http.get(path)
        served << [path, answer.code, answer.body.bytesize]
      end
      served
    end
  end
end.flat_map(&:value)
seconds = Process.clock_gettime(Process::CLOCK_MONOTONIC) - started

failed = answers.reject { |_, code, _| code == "200" }
abort "#{failed.size} of #{answers.size} requests failed, first #{failed.first.first(2).join(": ")}" if failed.any?

puts format("%d requests by %d visitors at once, %.1f MiB served, %.1f s", answers.size, visitors, answers.sum { |_, _, bytes| bytes } / 1048576.0, seconds)
