# frozen_string_literal: true

module AllocStats
  class Diagnosis
    module Checks
      # The machine gives every large mapping pages of 2 MB: one byte in use keeps all of it resident. What is mapped so
      # is the proof; a process may have refused (PR_SET_THP_DISABLE, as Debian's Ruby does).
      class HugePages < Check
        needs :huge_pages, :memory

        def finding
          return unless huge_pages[:mode] == "always" && huge_pages[:allowed] && Thresholds::HUGE_PAGES.reached?(memory[:huge], memory[:rss])
          found("Transparent huge pages are on always, and #{bytes(memory[:huge])} of this process are mapped by them.",
            evidence: ["#{Target::Local::HUGE_PAGES} says always, and the process has not refused", "AnonHugePages and their kin are #{percent(memory[:huge], memory[:rss])} of the resident set; how much of them is in use cannot be told"],
            remedy: "echo madvise > #{Target::Local::HUGE_PAGES}   # on the machine, for what is mapped from then on#{own_line(:huge_pages)}")
        end
      end
    end
  end
end
