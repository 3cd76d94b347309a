# frozen_string_literal: true

require "allocstats/facade" # not "allocstats": the Gemfile's own require of that comes later, and finds Rails
require "puma/plugin"

# In Puma's configuration: `plugin :allocstats`. The master makes the page that the workers share, and loads for all of
# them what they need; the agent runs in each of them, or in the one process of a Puma without workers.
Puma::Plugin.create do
  def start(launcher)
    return if !AllocStats.supported? || AllocStats.configuration.agent == false
    workers = launcher.config.options[:workers]
    return AllocStats.start unless workers == :auto || workers.to_i > 0
    AllocStats.eager_load!
    AllocStats::Agent.prepare
  end
end
