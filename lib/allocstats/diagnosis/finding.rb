# frozen_string_literal: true

module AllocStats
  class Diagnosis
    # One thing that is not as it should be.
    #
    # - `name` (Symbol) of the finding, the same each time
    # - `severity` (Symbol) :wrong, where something that was asked for is not in effect or the process is about to be
    #   killed; :warning, where it costs memory or will, or may make a forked child hang
    # - `summary` (String) one sentence
    # - `evidence` (Array<String>) what was seen, with the figures as they were measured
    # - `cost` (Integer or nil) bytes that it takes; nil where that was not measured
    # - `remedy` (String) the line that mends it, of a shell, an environment, a Dockerfile or Ruby; where only the program
    #   itself can be mended, the line that shows what to mend
    Finding = Struct.new(:name, :severity, :summary, :evidence, :cost, :remedy, keyword_init: true)
  end
end
