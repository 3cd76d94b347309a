/*
 * A process's place in the shared memory: its slot, which it alone writes, and what wakes its thread. Where there is no
 * shared memory, or it is full, it lies in the private heap, where nobody else can read it.
 *
 * The functions that take a slot that is not const are for one thread at a time.
 */
#ifndef ALLOCSTATS_SLOT_H
#define ALLOCSTATS_SLOT_H

#include "agent/shared_memory.h"

struct slot_memory;
struct slot_owner;

struct slot {
	struct slot_memory *memory; /* NULL: none is taken */
	struct slot_owner *owner;
	int number; /* of the slot in the shared memory; -1: it is outside of it */
	process_identity identity;
};

/*
 * Takes the slot of a dead worker with the same index, a free one, or that of any dead worker; one outside of the
 * shared memory where there is none. STATUS_NO_MEMORY when that cannot be had either.
 */
enum status slot_take(struct slot *slot, struct shared_memory *shared, process_identity self, int32_t index);

/* Gives the slot back. In a forked child, whose slot is its parent's, slot_forget. */
void slot_leave(struct slot *slot);
void slot_forget(struct slot *slot);

/* The report that the owner may change between these, and the history to which it may add. */
struct worker_report *slot_begin(struct slot *slot);
struct history *slot_history(struct slot *slot);
void slot_end(struct slot *slot);

/* Reads one's own, as shared_memory_read does any. */
void slot_read(const struct slot *slot, struct worker_report *report, struct history *history);

/*
 * How often the owner was woken. slot_wait returns when the slot was woken after `heard` was read by slot_wakeups,
 * after `ms` milliseconds, or for no reason.
 */
uint32_t slot_wakeups(const struct slot *slot);
void slot_wait(const struct slot *slot, uint32_t heard, uint32_t ms);
void slot_wake(const struct slot *slot);

#endif
