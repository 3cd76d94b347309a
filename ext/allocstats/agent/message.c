#include "agent/message.h"
#include "agent/shared_memory_layout.h"
#include "agent/wakeup.h"

#include <string.h>
#include <unistd.h>

/*
 * A lease is one word, so that it is taken and given back at once: until when it runs, in milliseconds of history_now,
 * above the number of the process that has it. No two are the same: who takes it over from itself does so later.
 */
static uint64_t lease_of(process_identity from, uint32_t ms) {
	uint64_t until = history_now() + (ms < MESSAGE_LEASE_MS ? ms : MESSAGE_LEASE_MS);
	return until << PROCESS_NUMBER_BITS | (uint64_t)process_number(from);
}

/* One that runs longer than any may is nobody's. */
static bool lease_runs(uint64_t lease) {
	uint64_t until = lease >> PROCESS_NUMBER_BITS, now = history_now();
	struct process_stat stat;
	return lease && until > now && until - now <= MESSAGE_LEASE_MS &&
	       process_stat_read(process_number(lease), &stat) && process_is_alive(stat.identity);
}

static bool take_lease(struct shared_layout *layout, uint64_t lease) {
	uint64_t before = atomic_load(&layout->lease);
	return !lease_runs(before) && atomic_compare_exchange_strong(&layout->lease, &before, lease);
}

static void wake(const struct shared_memory *shared, process_identity to) {
	for (unsigned number = 0; number < SHARED_SLOTS; number++) {
		process_identity owner = shared_memory_owner(shared, number);
		if (owner && (to == 0 || to == owner)) wakeup_raise(&shared->layout->owners[number].wakeups);
	}
}

/* Made odd and even again around what is written; whoever wrote last may have died in between. */
static void begin_writing(_Atomic uint32_t *sequence) {
	atomic_fetch_or(sequence, 1);
	atomic_thread_fence(memory_order_release);
}

static void end_writing(_Atomic uint32_t *sequence) {
	atomic_fetch_add_explicit(sequence, 1, memory_order_release);
}

enum status message_begin(struct shared_memory *shared, struct message *message, uint32_t ms, uint64_t *lease) {
	struct shared_layout *layout = shared->layout;
	if (!layout) return STATUS_UNSUPPORTED;
	*lease = lease_of(message->from, ms);
	if (!take_lease(layout, *lease)) return STATUS_UNREADABLE;
	uint32_t number = atomic_load(&layout->request_number) + 1;
	message->number = number ? number : 1; /* 0 is none */
	message->at = history_now();
	begin_writing(&layout->request_sequence);
	layout->request = *message;
	end_writing(&layout->request_sequence);
	atomic_store(&layout->request_number, message->number);
	wake(shared, message->to);
	return STATUS_OK;
}

void message_end(struct shared_memory *shared, uint64_t lease) {
	if (shared->layout && lease) atomic_compare_exchange_strong(&shared->layout->lease, &lease, 0);
}

static bool may_ask(process_identity asker) {
	uid_t user;
	return process_user(process_number(asker), &user) && (user == geteuid() || user == 0);
}

bool message_read(const struct shared_memory *shared, process_identity self, struct message *out) {
	const struct shared_layout *layout = shared->layout;
	if (!layout || !read_settled(&layout->request_sequence, out, &layout->request, sizeof *out,
			       history_now() + SHARED_READ_MS))
		return false;
	out->text[MESSAGE_TEXT - 1] = '\0';
	uint64_t now = history_now();
	return out->number != 0 && out->number == atomic_load(&layout->request_number) && out->at <= now &&
	       now - out->at <= MESSAGE_LIFE_MS && (out->to == 0 || out->to == self) && may_ask(out->from);
}

uint32_t message_number(const struct shared_memory *shared) {
	return shared->layout ? atomic_load(&shared->layout->request_number) : 0;
}

uint32_t message_answers(const struct shared_memory *shared) {
	return shared->layout ? atomic_load(&shared->layout->answers) : 0;
}

void message_answers_wait(const struct shared_memory *shared, uint32_t heard, uint32_t ms) {
	if (shared->layout) wakeup_wait(&shared->layout->answers, heard, ms);
}

void message_answered(const struct shared_memory *shared) {
	if (shared->layout) wakeup_raise(&shared->layout->answers);
}

void message_reply_write(struct shared_memory *shared, uint32_t number, const char *text, size_t length) {
	struct shared_layout *layout = shared->layout;
	if (!layout) return;
	if (length > MESSAGE_REPLY_TEXT) length = MESSAGE_REPLY_TEXT;
	begin_writing(&layout->reply_sequence);
	layout->reply.number = number;
	layout->reply.length = (uint32_t)length;
	memcpy(layout->reply.text, text, length);
	end_writing(&layout->reply_sequence);
}

bool message_reply_read(const struct shared_memory *shared, uint32_t number, struct message_reply *out) {
	const struct shared_layout *layout = shared->layout;
	return layout &&
	       read_settled(
		       &layout->reply_sequence, out, &layout->reply, sizeof *out, history_now() + SHARED_READ_MS) &&
	       out->number == number && number != 0 && out->length <= MESSAGE_REPLY_TEXT;
}
