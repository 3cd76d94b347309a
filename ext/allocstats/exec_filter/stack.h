/* How much stack there is. Async-signal-safe, and fit for a child of vfork: system calls alone. */
#ifndef ALLOCSTATS_EXEC_FILTER_STACK_H
#define ALLOCSTATS_EXEC_FILTER_STACK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a function that is called from here may use that many bytes. On an alternate signal stack the kernel says so;
 * elsewhere each page down there is asked for, and a thread's guard page, or the limit of the main thread's stack,
 * answers no. A stack that was laid without a guard right above other memory cannot be told from that memory.
 */
bool stack_has(size_t bytes);

#endif
