# frozen_string_literal: true

module AllocStats
  # One coherent reading of the cheap figures; the extension defines its readers, one for each figure of
  # AllocStats.figures. What the running allocator does not measure is nil, never 0.
  #
  #   sample = AllocStats.sample
  #   sample.rss             # => 68_722_688
  #   sample[:allocated]     # => 21_334_016, or nil
  #   sample.refresh.rss     # reads everything anew into the same object, without a Ruby object
  #
  # A sample belongs to the process that took it: in a forked child every method but close and closed? raises
  # AllocStats::Error, since its figures would be taken for the child's. A frozen sample can be shared between Ractors.
  class Sample
    autoload :Figure, "allocstats/sample/figure"

    # Raised through by the extension for a name that is no figure.
    def self.unknown_figure(name)
      raise UnknownName.among("figure", name, catalogue.map(&:first))
    end

    def inspect
      return "#<AllocStats::Sample closed>" if closed?
      "#<AllocStats::Sample #{to_h.compact.map { |name, value| "#{name}=#{value}" }.join(" ")}>"
    end
  end
end
