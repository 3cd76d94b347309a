# A purge beside an extension that waits without the GVL and calls malloc right after, under every name that Ruby's own
# waiting methods have.
require "support/compiled"
require Compiled.extension("waits_and_mallocs")

names = WaitsAndMallocs.instance_methods(false)
threads = names.map { |name| Thread.new { WaitsAndMallocs.new.public_send(name) } }
purges = Stress.repeat { AllocStats.purge }
WaitsAndMallocs.stop
threads.each { |thread| thread.join(20) or abort("a thread of the extension does not end") }
Stress.assert_usable
{purges: purges, rounds: WaitsAndMallocs.rounds}
