/*
 * What one worker asks of all, or of one: written into the shared memory, and woken for. Each answers in its
 * own slot (worker_report.h); a message is known by its number.
 *
 * One message at a time has the shared memory, for as long as its lease runs: it is given back by whoever asked, and it
 * ends by the clock, or with that process, where it was not.
 */
#ifndef ALLOCSTATS_MESSAGE_H
#define ALLOCSTATS_MESSAGE_H

#include "agent/shared_memory.h"

#include <stddef.h>

enum { MESSAGE_TEXT = 1024, MESSAGE_REPLY_TEXT = 16 * 1024 };

/* For how long the shared memory is anybody's at most, and for how long after it was asked a message is still done. */
enum { MESSAGE_LEASE_MS = 60 * 1000, MESSAGE_LIFE_MS = 30 * 1000 };

struct message {
	process_identity from, to; /* `to` is 0 for all */
	uint64_t at;               /* when it was asked, by history_now */
	uint32_t number, kind;
	char text[MESSAGE_TEXT]; /* its options; what kinds and options there are is Ruby's */
};

/* What is too long for an answer, of the one worker that was asked. */
struct message_reply {
	uint32_t number, length;
	char text[MESSAGE_REPLY_TEXT];
};

/*
 * Asks, and sets the message's number and time. One at a time: STATUS_UNREADABLE while another living process has one
 * under way, STATUS_UNSUPPORTED without shared memory. The lease, for `ms` milliseconds and MESSAGE_LEASE_MS at most,
 * is what message_end takes; ending one that is no more ends nothing.
 */
enum status message_begin(struct shared_memory *shared, struct message *message, uint32_t ms, uint64_t *lease);
void message_end(struct shared_memory *shared, uint64_t lease);

/*
 * The newest message, where `self` is to do it; false where there is none, it is just being written, it is too old, it
 * is another worker's to do, or whoever has asked is neither of this user nor root.
 */
bool message_read(const struct shared_memory *shared, process_identity self, struct message *out);
uint32_t message_number(const struct shared_memory *shared);

/* How many answers were written, ever; and waiting for one more than `heard`, for `ms` milliseconds at most. */
uint32_t message_answers(const struct shared_memory *shared);
void message_answers_wait(const struct shared_memory *shared, uint32_t heard, uint32_t ms);

/* Says that an answer was written. */
void message_answered(const struct shared_memory *shared);

/* Writes a reply to a message, cut at MESSAGE_REPLY_TEXT; reads the one to it, false where there is none. */
void message_reply_write(struct shared_memory *shared, uint32_t number, const char *text, size_t length);
bool message_reply_read(const struct shared_memory *shared, uint32_t number, struct message_reply *out);

#endif
