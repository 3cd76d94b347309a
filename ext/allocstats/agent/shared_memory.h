/*
 * The memory that the processes of one server share, in which each of them has a slot. Only its owner writes a slot,
 * without a lock (slot.h); whoever reads one while it is written sees so by its sequence and tries again.
 *
 * The shared memory is a sealed memfd: it has no name in any folder, nobody can cut it short, which would kill whoever
 * reads it with SIGBUS, and the kernel frees it with the last process that has it. Children inherit it; processes that
 * were forked before it was made, as the workers of a server that loads the application after forking, find it in
 * /proc/<sibling>/fd. What is not in use takes no memory: a slot's is reserved when it is taken.
 *
 * Only processes of the same user find it. What stands in it is nevertheless another process's word: whoever reads
 * takes a copy, and trusts no number, index or text in it.
 *
 * A slot's owner is recognised by number and start time, so a slot whose owner was killed is seen to be free. A process
 * that dies inside of writing leaves its own slot unreadable until the next owner takes it, and nothing else.
 *
 * All functions may be called from any thread, with or without the GVL, on shared memory that no other thread makes,
 * finds or leaves meanwhile.
 */
#ifndef ALLOCSTATS_SHARED_MEMORY_H
#define ALLOCSTATS_SHARED_MEMORY_H

#include "agent/history.h"
#include "agent/worker_report.h"
#include "kernel/process_stat.h"
#include "status.h"

#include <stdbool.h>

enum { SHARED_SLOTS = 128 };

struct shared_layout; /* how it is laid out is shared_memory.c's own */

struct shared_memory {
	struct shared_layout *layout; /* NULL: there is none */
	int descriptor;               /* -1 where it was not kept */
	uint64_t device, inode;       /* of the descriptor, since the host may close it */
	process_identity
		master; /* that all its users come from, as this process knows it, whatever the shared memory says */
};

/* Makes shared memory of which `master` is the process that all its users come from. */
enum status shared_memory_make(struct shared_memory *shared, process_identity master);

/* Takes part in the shared memory that another child of `master`, of the same user, has made, or makes it: one at a
 * time. */
enum status shared_memory_find(struct shared_memory *shared, process_identity master);

/* Ends this process's part in it; the shared memory stays for the others. */
void shared_memory_leave(struct shared_memory *shared);

/* Whose slot it is; 0 for nobody's, and past the last one. */
process_identity shared_memory_owner(const struct shared_memory *shared, unsigned number);

/* Reads a slot of the shared memory; `history` may be NULL. False when it is nobody's, or its owner is inside of
 * writing. */
bool shared_memory_read(const struct shared_memory *shared, unsigned number, process_identity *owner,
	struct worker_report *report, struct history *history);

/* The same, with patience until the clock (history_now) says so: for reading many. */
bool shared_memory_read_until(const struct shared_memory *shared, unsigned number, process_identity *owner,
	struct worker_report *report, struct history *history, uint64_t until);

#endif
