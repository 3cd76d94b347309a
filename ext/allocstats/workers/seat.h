/*
 * A process's place in the shared page: its slot, which it alone writes, and its bell. Where there is no page, or it is
 * full, the seat is a slot in the private heap, which nobody else can read.
 *
 * The functions that take a seat that is not const are for one thread at a time.
 */
#ifndef ALLOCSTATS_SEAT_H
#define ALLOCSTATS_SEAT_H

#include "workers/shared_page.h"

struct slot;
struct slot_owner;

struct seat {
	struct slot *slot; /* NULL: none is taken */
	struct slot_owner *owner;
	int number; /* of the slot in the page; -1: it is outside of it */
	process_identity identity;
};

/*
 * Takes the slot of a dead worker with the same index, a free one, or that of any dead worker; one outside of the page
 * where there is none. STATUS_NO_MEMORY when that cannot be had either.
 */
enum status seat_take(struct seat *seat, struct shared_page *page, process_identity self, int32_t index);

/* Gives the slot back. In a forked child, whose seat is its parent's, seat_forget. */
void seat_leave(struct seat *seat);
void seat_forget(struct seat *seat);

/* The report that the owner may change between these, and the history to which it may add. */
struct worker_report *seat_begin(struct seat *seat);
struct history *seat_history(struct seat *seat);
void seat_end(struct seat *seat);

/* Reads one's own, as shared_page_read does any. */
void seat_read(const struct seat *seat, struct worker_report *report, struct history *history);

/*
 * The owner's bell. seat_wait returns when the bell was rung after `heard` was read by seat_bell, after `ms`
 * milliseconds, or for no reason.
 */
uint32_t seat_bell(const struct seat *seat);
void seat_wait(const struct seat *seat, uint32_t heard, uint32_t ms);
void seat_ring(const struct seat *seat);

#endif
