#include "workers/page_request.h"
#include "workers/shared_page_layout.h"

#include <string.h>
#include <unistd.h>

/*
 * A lease is one word, so that it is taken and given back at once: until when it runs, in milliseconds of history_now,
 * above the number of the process that has it. No two are the same: who takes it over from itself does so later.
 */
static uint64_t lease_of(process_identity from, uint32_t ms) {
	uint64_t until = history_now() + (ms < PAGE_LEASE_MS ? ms : PAGE_LEASE_MS);
	return until << PROCESS_NUMBER_BITS | (uint64_t)process_number(from);
}

/* One that runs longer than any may is nobody's. */
static bool lease_runs(uint64_t lease) {
	uint64_t until = lease >> PROCESS_NUMBER_BITS, now = history_now();
	struct process_stat stat;
	return lease && until > now && until - now <= PAGE_LEASE_MS &&
	       process_stat_read(process_number(lease), &stat) && process_is_alive(stat.identity);
}

static bool take_lease(struct page_memory *memory, uint64_t lease) {
	uint64_t before = atomic_load(&memory->lease);
	return !lease_runs(before) && atomic_compare_exchange_strong(&memory->lease, &before, lease);
}

static void ring(const struct shared_page *page, process_identity to) {
	for (unsigned number = 0; number < SHARED_PAGE_SLOTS; number++) {
		process_identity owner = shared_page_owner(page, number);
		if (owner && (to == 0 || to == owner)) word_raise(&page->memory->owners[number].bell);
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

enum status page_request_begin(struct shared_page *page, struct page_request *request, uint32_t ms, uint64_t *lease) {
	struct page_memory *memory = page->memory;
	if (!memory) return STATUS_UNSUPPORTED;
	*lease = lease_of(request->from, ms);
	if (!take_lease(memory, *lease)) return STATUS_UNREADABLE;
	uint32_t number = atomic_load(&memory->request_number) + 1;
	request->number = number ? number : 1; /* 0 is none */
	request->at = history_now();
	begin_writing(&memory->request_sequence);
	memory->request = *request;
	end_writing(&memory->request_sequence);
	atomic_store(&memory->request_number, request->number);
	ring(page, request->to);
	return STATUS_OK;
}

void page_request_end(struct shared_page *page, uint64_t lease) {
	if (page->memory && lease) atomic_compare_exchange_strong(&page->memory->lease, &lease, 0);
}

static bool may_ask(process_identity asker) {
	uid_t user;
	return process_user(process_number(asker), &user) && (user == geteuid() || user == 0);
}

bool page_request_read(const struct shared_page *page, process_identity self, struct page_request *out) {
	const struct page_memory *memory = page->memory;
	if (!memory || !read_settled(&memory->request_sequence, out, &memory->request, sizeof *out,
			       history_now() + PAGE_READ_MS))
		return false;
	out->text[PAGE_REQUEST_TEXT - 1] = '\0';
	uint64_t now = history_now();
	return out->number != 0 && out->number == atomic_load(&memory->request_number) && out->at <= now &&
	       now - out->at <= PAGE_REQUEST_LIFE_MS && (out->to == 0 || out->to == self) && may_ask(out->from);
}

uint32_t page_request_number(const struct shared_page *page) {
	return page->memory ? atomic_load(&page->memory->request_number) : 0;
}

uint32_t page_answers(const struct shared_page *page) {
	return page->memory ? atomic_load(&page->memory->answers) : 0;
}

void page_answers_wait(const struct shared_page *page, uint32_t heard, uint32_t ms) {
	if (page->memory) word_wait(&page->memory->answers, heard, ms);
}

void page_answered(const struct shared_page *page) {
	if (page->memory) word_raise(&page->memory->answers);
}

void page_reply_write(struct shared_page *page, uint32_t number, const char *text, size_t length) {
	struct page_memory *memory = page->memory;
	if (!memory) return;
	if (length > PAGE_REPLY_TEXT) length = PAGE_REPLY_TEXT;
	begin_writing(&memory->reply_sequence);
	memory->reply.number = number;
	memory->reply.length = (uint32_t)length;
	memcpy(memory->reply.text, text, length);
	end_writing(&memory->reply_sequence);
}

bool page_reply_read(const struct shared_page *page, uint32_t number, struct page_reply *out) {
	const struct page_memory *memory = page->memory;
	return memory &&
	       read_settled(&memory->reply_sequence, out, &memory->reply, sizeof *out, history_now() + PAGE_READ_MS) &&
	       out->number == number && number != 0 && out->length <= PAGE_REPLY_TEXT;
}
