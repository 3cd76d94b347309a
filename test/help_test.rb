# frozen_string_literal: true

require "test_helper"
require "pp"

class HelpTest < Minitest::Test
  # What no person at a console looks for: for programs, and what others stand on.
  LEFT_OUT = %i[eager_load! figures host_facts refresh metrics private_heap purges safe_point thread_bytes started? supported? help
    glibc_tunables malloc_stats malloc_trim mallctl_many mallinfo2 mallopts mallopt_catalogue mi_option_catalogue
    mi_process_info tcmalloc_release_free_memory tcmalloc_release_rate].freeze

  def test_names_what_there_is
    named = AllocStats::Help::TOPICS.values.flat_map(&:keys)

    assert_empty named - AllocStats.singleton_methods
    told = AllocStats.help.to_s
    untold = (AllocStats.singleton_methods - LEFT_OUT).reject { |name| told.match?(/\b#{Regexp.escape(name)}\b/) }
    assert_empty untold
  end

  def test_fits_a_terminal
    assert_operator AllocStats.help.to_s.lines.map(&:length).max, :<=, 100
  end

  def test_is_shown_as_it_is
    assert_equal AllocStats.help.to_s.chomp, AllocStats.help.inspect
    assert_equal AllocStats.help.to_s, PP.pp(AllocStats.help, +"")
  end
end
