# frozen_string_literal: true

# How many Ruby objects are made while some work is done. It needs nothing but Ruby, so that a process in which nothing
# else goes on can load it too:
#
#   ChildProcess.ruby("ObjectCount.of(1000) { sample.refresh }", require: ["allocstats", ObjectCount::FILE]).value
module ObjectCount
  FILE = __FILE__

  # Of so many times together, when they are done again: a call site makes its inline cache, an object, when it is first
  # run.
  def self.of(times)
    made = nil
    2.times do
      before = GC.stat(:total_allocated_objects)
      i = 0
      while i < times
        yield
        i += 1
      end
      made = GC.stat(:total_allocated_objects) - before
    end
    made
  end
end
