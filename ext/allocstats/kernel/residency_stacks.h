/* Where the stacks of this process's threads lie. */
#ifndef ALLOCSTATS_RESIDENCY_STACKS_H
#define ALLOCSTATS_RESIDENCY_STACKS_H

#include "residency.h"

struct stacks {
	struct reading reading; /* of /proc/self/task; STATUS_UNSUPPORTED where the kernel tells no thread's address */
	unsigned threads;       /* threads besides the main one */
	unsigned unknown;       /* those of them whose stack could not be told from the memory around it */
};

/*
 * Finds the stack of every thread. The main thread's is [stack] and needs no finding, unless the process was forked
 * from another thread. A thread's address is that of its robust list (get_robust_list(2)), which the C library keeps in
 * the thread's own data, at the upper end of its stack; the lower end is the guard that the C library puts there. musl
 * sets no robust list, and there every stack stays untold.
 */
void stacks_own_ranges(const struct mappings *mappings, struct owned_ranges *owned, struct stacks *out);

#endif
