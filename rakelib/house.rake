# frozen_string_literal: true

desc "Show how lib and ext are built: figures, and each arrow that points up or closes a circle"
task :house do
  $LOAD_PATH.unshift(File.expand_path("../test", __dir__))
  require "support/house"

  House.figures.each { |name, count| puts format("%5d  %s", count, name) }
  House.violations.each { |violation| puts "", violation.told }
end
