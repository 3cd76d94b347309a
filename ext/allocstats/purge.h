/*
 * Giving memory back to the kernel, whatever the allocator. A purge is of the whole process and of threads: what an
 * allocator keeps for a thread only that thread can give back, so each purge raises a generation, and a thread that
 * comes by a safe point and has not honoured the newest one purges itself there.
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

/* A safe point: purges the calling thread if a purge has been asked for since it last did. Else a load and a compare.
 */
bool purge_safe_point(void);

/* What is kept for the process. */
enum status purge_process(void);

#endif
