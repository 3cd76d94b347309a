/*
 * Giving memory back to the kernel, whatever the allocator.
 *
 * A purge is of the whole process and of threads: what an allocator keeps for a thread (mimalloc's heap, a cache) only
 * that thread can give back, and nobody else may make it do so. Where another thread is cannot be known: a thread
 * without the GVL may be inside malloc whichever method it has called, and what runs there in a signal's handler then
 * finds the allocator's lock held or its lists cut. So each thread does it for itself, at safe points of its own: the
 * end of a request or a job, where it has nothing under way. There it hands back what the allocator holds for it
 *
 *  - when a purge has asked for it since (each purge raises a generation), and
 *  - from time to time, when it has taken enough since the last time, so that a thread that falls asleep after its last
 *    job keeps little of what that job took, and a later purge needs nobody's thread.
 */
#ifndef ALLOCSTATS_PURGE_H
#define ALLOCSTATS_PURGE_H

#include "status.h"

#include <stdbool.h>
#include <stdint.h>

/* Called once when the extension is loaded. */
void purge_init(void);

/* Between these the allocator's options are such that free pages return to the kernel. Nests; any thread. */
void purge_options_begin(void);
void purge_options_end(void);

/* How many purges this process has made since it began, and the bytes that they gave back; a forked child begins at 0.
 */
void purge_count(uint64_t released);
void purge_counts(uint64_t *purges, uint64_t *bytes);

/* Asks every thread to purge itself at its next safe point. */
void purge_ask_threads(void);

/* What belongs to the calling thread; false where this allocator keeps nothing for threads that can be given back. */
bool purge_this_thread(void);

/*
 * A safe point of the calling thread: whether it handed something back. Some ten nanoseconds, a coarse clock among
 * them, when it has nothing to do; else what purge_this_thread takes, at most a two-hundredth of the thread's time.
 */
bool purge_safe_point(void);

/* What is kept for the process. */
enum status purge_process(void);

#endif
