# frozen_string_literal: true

module AllocStats
  module Rack
    class Page
      # One section of the page: what its template shows, found in the document. A subclass names its template and its
      # heading.
      class Section
        # What is not known is said in words, never left empty and never 0.
        UNKNOWN = Markup.new(%(<span class="unknown">not known</span>)).freeze

        # What to_s shows: a file of page/templates.
        def self.template(name)
          Template.define(self, "render()", name)
        end

        # The fragment that leads to it, the words above it, and those of the link to it.
        def self.heading(id, words, short = words)
          define_method(:id) { id }
          define_method(:heading) { words }
          define_method(:short) { short }
        end

        def initialize(page)
          @page = page
        end

        def to_s = Markup.new(render)

        # Whether there is anything to show.
        def show? = true

        private

        attr_reader :page

        def document = page.document

        def unknown = UNKNOWN

        def part(name) = page.part(name)

        def url(path = "") = "#{page.base}#{path}".then { |whole| whole.empty? ? "/" : whole }

        # The same of the page of one worker.
        def url_of(index, path = "") = "#{url(path)}#{"?worker=#{index}" if index}"

        # The index of the worker that is shown, where one was chosen.
        def chosen = page.chosen

        # Of the worker that is shown: what the chosen one has of its own, else the answering one's.
        def shown(name) = page.peer ? page.peer.fetch(name) : part(name)

        def shown_pid = page.peer ? page.peer.fetch(:pid) : part(:process)[:pid]

        def workers = part(:workers).fetch(:workers, [])

        # Whose figures a section has, where there is a choice.
        def owner
          return "" unless workers.count { |row| row.fetch(:alive, true) } > 1
          chosen ? "of worker #{chosen}, pid #{shown_pid}" : "of worker #{worker[:index]}, pid #{shown_pid}, which answers"
        end

        # Of the process that answers, the row in the list of workers.
        def worker
          @worker ||= part(:workers).fetch(:workers, []).find { |row| row[:self] } || {}
        end

        def memory = part(:memory)

        def group = memory[:cgroup] || {}

        # The bytes that the process may have, and what counts against them: its control group's where the kernel says.
        def limit = memory.dig(:limit, :bytes)

        def used = group[:usage] || memory[:rss]

        # "184.3 MiB", and the number itself for programs.
        def bytes(count)
          count ? Markup.new(%(<data value="#{Integer(count)}">#{plain_bytes(count)}</data>)) : UNKNOWN
        end

        # The same as text alone.
        def plain_bytes(count) = count ? Formats::Units.inline_bytes(Integer(count)) : "not known"

        # Of a figure of the catalogue, by its unit.
        def quantity(unit, value)
          return UNKNOWN unless value
          (unit == :bytes) ? bytes(value) : Markup.new(%(<data value="#{Integer(value)}">#{Formats::Units.count(value)}</data>))
        end

        def percent(part, whole) = Formats::Units.inline_percent(part, whole)

        # A number as an attribute of SVG has it.
        def coordinate(value) = format("%.3f", value).sub(/\.?0+\z/, "")

        def words(name) = Formats.words(name)

        def listed(texts) = Formats.listed(texts)

        def time(value) = value.is_a?(Time) ? value.getutc.strftime("%Y-%m-%d %H:%M:%S UTC") : value.to_s
      end
    end
  end
end
