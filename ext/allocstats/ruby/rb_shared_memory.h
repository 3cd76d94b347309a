/* This process's part in the shared memory, for the files that serve AllocStats::SharedMemory. */
#ifndef ALLOCSTATS_RB_SHARED_MEMORY_H
#define ALLOCSTATS_RB_SHARED_MEMORY_H

#include "agent/slot.h"
#include "rb_allocstats.h"

#include <stdbool.h>

/* They change with the GVL held, and by the main Ractor alone; shared memory once had is kept until the process ends.
 */
extern struct shared_memory our_memory;
extern struct slot our_slot;

/* Whether this very process has a slot: a forked child has its parent's in memory, and must not write there. */
bool has_slot(void);

/* Raises where it has none. */
void demand_slot(void);

/* Copies a String, or nothing for nil, into a field of fixed size, cut where it does not fit and ended by a NUL. */
void copy_text(char *field, size_t room, VALUE text);
#define COPY_TEXT(field, text) copy_text(field, sizeof(field), text)

/* What is absent is nil. */
static inline VALUE optional_number(uint64_t value) {
	return value == HISTORY_ABSENT ? Qnil : ULL2NUM(value);
}

/* Reads them of /proc/self, or of such a folder; `sample`, unless it is NULL, gets the rss of the same reading. Needs
 * no GVL: the kernel walks the page tables, some milliseconds in a large process. */
void read_slow_figures(const char *process, struct slow_figures *slow, struct sample *sample);

/* Sets pss, uss and swap. */
void add_slow_figures(VALUE hash, const struct slow_figures *slow);

/* Seconds, a number, as what the waiting functions take. */
uint32_t milliseconds(VALUE seconds);

#endif
