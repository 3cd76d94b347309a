# frozen_string_literal: true

require "rake"

module AllocStats
  module Rails
    # `rails allocstats:report` and `rails allocstats:purge`: of the task's own process, which has loaded the application
    # and serves nobody, or with URL=http://localhost:3000/allocator of the server that answers there. The first line says
    # which. The server is asked with ALLOCSTATS_TOKEN, or ALLOCSTATS_CHANGE_TOKEN, where it needs one.
    module Tasks
      extend ::Rake::DSL

      OWN = "the process of this task, and no server (URL=http://HOST:PORT/allocator asks one)"

      module_function

      def define
        namespace :allocstats do
          desc "Say which malloc runs this process, or the server at URL=, and where its memory is"
          task(:report) { Tasks.report(ENV["URL"]) }

          desc "Give memory back in this process, or in the server at URL= (WORKERS=all in each of its workers), GC=1 after a garbage collection"
          task(:purge) { Tasks.purge(ENV["URL"], gc: ENV["GC"] == "1", workers: ENV.fetch("WORKERS", "this")) }
        end
      end

      def report(url)
        tell(url) { |server| server ? server.text("report.txt") : AllocStats.report.to_s }
      end

      def purge(url, gc:, workers:)
        tell(url) do |server|
          server ? said(server.post("purge", gc: gc, workers: workers)) : sentence(AllocStats.purge(gc: gc).to_h)
        end
      end

      # Prints who is spoken of and what the block answers; without a URL, the application is loaded first.
      def tell(url)
        server = Command::Remote.new(url) if url
        ::Rake::Task["environment"].invoke unless server
        text = yield(server)
        puts(server ? server.address : OWN, text)
      rescue Command::Failure => failure
        abort "allocstats: #{Formats.printable(failure.message)}"
      end

      # An answer of POST /purge: of one process, or of each worker.
      def said(answer)
        answers = answer[:answers] or return sentence(answer)
        answers.map { |one| "worker #{one[:index]} (pid #{one[:pid]}): #{sentence(one)}" }
      end

      def sentence(purge)
        what = (purge[:outcome].to_s == "released") ? "released #{Formats::Units.inline_bytes(purge[:released])}" : Formats.words(purge[:outcome])
        took = "in #{(purge[:seconds] * 1000).round} ms" if purge[:seconds]
        [what, took, purge[:reason] && "(#{purge[:reason]})"].compact.join(" ")
      end
    end
  end
end
