/* How the shared page lies in memory: for shared_page.c, seat.c and page_request.c alone. */
#ifndef ALLOCSTATS_SHARED_PAGE_LAYOUT_H
#define ALLOCSTATS_SHARED_PAGE_LAYOUT_H

#include "workers/page_request.h"
#include "workers/seat.h"

#include <stdatomic.h>

/* Two versions of this library can serve one server while it is restarted worker by worker. */
struct page_shape {
	uint64_t magic;
	uint32_t version, slots, slot_bytes, report_bytes, figures, request_bytes, reply_bytes;
};

struct page_head {
	struct page_shape shape;
	process_identity master; /* the process that all its users come from */
};

/* Whose slot it is, 0 for nobody; and what its owner's thread waits on: raised and woken when there is work. */
struct slot_owner {
	_Atomic process_identity identity;
	_Atomic uint32_t bell;
};

struct slot {
	_Atomic uint32_t sequence; /* odd while its owner writes */
	struct worker_report report;
	struct history history;
};

struct page_memory {
	struct page_head head;
	_Atomic uint64_t lease;            /* of the request under way: until when, and whose (page_request.c) */
	_Atomic uint32_t request_number;   /* of the newest complete one */
	_Atomic uint32_t request_sequence; /* odd while it is written */
	_Atomic uint32_t reply_sequence;
	_Atomic uint32_t answers; /* how many were written */
	struct page_request request;
	struct page_reply reply;
	struct slot_owner owners[SHARED_PAGE_SLOTS];
	struct slot slots[SHARED_PAGE_SLOTS];
};

/*
 * Copies what another process may be writing, tried until the clock (history_now) says `until`, and once in any case;
 * false where it does not come to rest. Between two tries the processor is given away, which takes as long as others
 * want it: so it is time that is counted, not tries.
 */
bool read_settled(const _Atomic uint32_t *sequence, void *out, const void *from, size_t bytes, uint64_t until);

/* How long a reader has patience with a writer. */
enum { PAGE_READ_MS = 10 };

/* Takes the memory of a part of the page, so that touching it cannot fail; false where it cannot be had. */
bool shared_page_reserve(const struct shared_page *page, size_t offset, size_t bytes);

bool slot_read(const struct slot *slot, struct worker_report *report, struct history *history, uint64_t until);

/* A word that processes wait on: until it is no longer `heard`, or `ms` milliseconds have gone by. */
void word_wait(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms);
void word_raise(_Atomic uint32_t *word);

#endif
