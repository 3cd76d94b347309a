# frozen_string_literal: true

module AllocStats
  class Agent
    # What a forking server calls this process in its title: the only thing about a worker that all of them tell. Read
    # from /proc/self/cmdline, since Process.setproctitle does not change $0.
    #
    # - `name` (String) "worker"; "master" or "mold" for those that fork workers; "server" for a Puma that may be either;
    #   "service" for Pitchfork's; "passing" for a process that is about to become something else
    # - `index` (Integer or nil) of a worker, as the server counts
    # - `told` (Integer or nil) the master's pid, where the title has it
    class ProcessTitle < Struct.new(:name, :index, :told, keyword_init: true)
      TITLES = {
        /\Apuma: cluster worker (?<index>\d+): (?<master>\d+)/ => "worker",
        /\Apuma \d/ => "server",
        /\A\S*unicorn\S* worker\[(?<index>\d+)\]/ => "worker",
        /\A\S*unicorn\S* master\b/ => "master",
        /\A\S*pitchfork\S* \(gen:\d+\) worker\[(?<index>\d+)\]/ => "worker",
        /\A\S*pitchfork\S* \(gen:\d+\) mold\b/ => "mold",
        /\A\S*pitchfork\S* \(gen:\d+\) service\b/ => "service",
        /\A\S*pitchfork\S* monitor\b/ => "master",
        /\A<pitchfork fork_sibling/ => "passing"
      }.freeze

      # Where a worker's parent only passes on, how often and how long to wait for it to be gone.
      TRIES = 100
      MOMENT = 0.01

      # The title as it is now; "" where there is no /proc.
      def self.text(process = "self")
        File.binread("/proc/#{process}/cmdline").tr("\0", " ").rstrip
      rescue SystemCallError
        ""
      end

      # @return [ProcessTitle, nil] nil where the title is none of a forking server's
      def self.of(text)
        TITLES.each do |pattern, name|
          fields = pattern.match(text)&.named_captures or next
          return new(name: name, index: fields["index"]&.to_i, told: fields["master"]&.to_i)
        end
        nil
      end

      def worker? = name == "worker"

      def passing? = name == "passing"

      # Of a worker: the process whose children it and its siblings are; nil where it was forked by another worker.
      # @return [Integer, nil]
      def master
        return unless worker?
        TRIES.times do
          parent = Process.ppid
          text = ProcessTitle.text(parent) # of a process that is about to end, it is empty
          passing = text.empty? || ProcessTitle.of(text)&.passing?
          return (parent if told.nil? || told == parent) if !passing && parent == Process.ppid
          sleep MOMENT
        end
        nil
      end
    end
  end
end
