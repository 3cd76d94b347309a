/*
 * AllocStats::AfterFork.repair: brings back in a child what the fork took away. The noting happens in a handler of
 * pthread_atfork(3), before the allocator's own; the bringing back, which may start threads, when the fork is over.
 */
#include "allocator.h"
#include "rb_allocstats.h"

#include <pthread.h>

static void note(void) {
	const struct allocator *allocator = allocator_current();
	if (allocator->before_fork) allocator->before_fork();
}

/* => true if something had to be brought back. Keeps the GVL; some hundred microseconds where it starts threads. */
static VALUE repair(VALUE self) {
	(void)self;
	const struct allocator *allocator = allocator_current();
	return boolean(allocator->after_fork && allocator->after_fork());
}

void init_after_fork(VALUE module) {
	VALUE after_fork = rb_define_module_under(module, "AfterFork");
	allocator_current(); /* bound now: a fork is no time to look symbols up */
	pthread_atfork(note, NULL, NULL);
	rb_define_singleton_method(after_fork, "repair", repair, 0);
}
