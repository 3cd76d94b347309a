# frozen_string_literal: true

$LOAD_PATH.unshift File.expand_path("../lib", __dir__), __dir__

require "allocstats"
require "minitest/autorun"

require "support/allocators"
require "support/child_process"
require "support/test_log"

TestLog.install
