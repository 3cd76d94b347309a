/* How the shared memory lies in memory: for shared_memory.c, slot.c and message.c alone. */
#ifndef ALLOCSTATS_SHARED_MEMORY_LAYOUT_H
#define ALLOCSTATS_SHARED_MEMORY_LAYOUT_H

#include "agent/message.h"
#include "agent/slot.h"

#include <stdatomic.h>

/* Two versions of this library can serve one server while it is restarted worker by worker. */
struct shared_shape {
	uint64_t magic;
	uint32_t version, slots, slot_bytes, report_bytes, figures, message_bytes, reply_bytes, history_bytes;
};

struct shared_head {
	struct shared_shape shape;
	process_identity master; /* the process that all its users come from */
};

/* Whose slot it is, 0 for nobody; and what its owner's thread waits on: raised and woken when there is work. */
struct slot_owner {
	_Atomic process_identity identity;
	_Atomic uint32_t wakeups;
};

struct slot_memory {
	_Atomic uint32_t sequence; /* odd while its owner writes */
	struct worker_report report;
	struct history history;
};

struct shared_layout {
	struct shared_head head;
	_Atomic uint64_t lease;            /* of the request under way: until when, and whose (message.c) */
	_Atomic uint32_t request_number;   /* of the newest complete one */
	_Atomic uint32_t request_sequence; /* odd while it is written */
	_Atomic uint32_t reply_sequence;
	_Atomic uint32_t answers; /* how many were written */
	struct message request;
	struct message_reply reply;
	struct slot_owner owners[SHARED_SLOTS];
	struct slot_memory slots[SHARED_SLOTS];
};

/*
 * Copies what another process may be writing, tried until the clock (history_now) says `until`, and once in any case;
 * false where it does not come to rest. Between two tries the processor is given away, which takes as long as others
 * want it: so it is time that is counted, not tries.
 */
bool read_settled(const _Atomic uint32_t *sequence, void *out, const void *from, size_t bytes, uint64_t until);

/* How long a reader has patience with a writer. */
enum { SHARED_READ_MS = 10 };

/* Takes the memory of a part of the shared memory, so that touching it cannot fail; false where it cannot be had. */
bool shared_memory_reserve(const struct shared_memory *shared, size_t offset, size_t bytes);

bool slot_memory_read(
	const struct slot_memory *slot, struct worker_report *report, struct history *history, uint64_t until);

#endif
