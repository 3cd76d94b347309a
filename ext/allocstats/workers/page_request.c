#include "workers/page_request.h"
#include "workers/shared_page_layout.h"

#include <sched.h>

static bool begin_requesting(struct page_memory *memory, process_identity from) {
	process_identity before = 0;
	if (atomic_compare_exchange_strong(&memory->requester, &before, from)) return true;
	return !process_is_alive(before) && atomic_compare_exchange_strong(&memory->requester, &before, from);
}

static void ring_all(const struct shared_page *page) {
	for (unsigned number = 0; number < SHARED_PAGE_SLOTS; number++)
		if (shared_page_owner(page, number)) word_raise(&page->memory->owners[number].bell);
}

enum status page_request_begin(struct shared_page *page, struct page_request *request) {
	struct page_memory *memory = page->memory;
	if (!memory) return STATUS_UNSUPPORTED;
	if (!begin_requesting(memory, request->from)) return STATUS_UNREADABLE;
	uint32_t sequence = atomic_load(&memory->request_sequence) | 1,
		 number = atomic_load(&memory->request_number) + 1;
	request->number = number ? number : 1; /* 0 is none */
	atomic_store(&memory->request_sequence, sequence);
	atomic_thread_fence(memory_order_release);
	memory->request = *request;
	atomic_store_explicit(&memory->request_sequence, sequence + 1, memory_order_release);
	atomic_store(&memory->request_number, request->number);
	ring_all(page);
	return STATUS_OK;
}

void page_request_end(struct shared_page *page, process_identity from) {
	if (page->memory) atomic_compare_exchange_strong(&page->memory->requester, &from, 0);
}

bool page_request_read(const struct shared_page *page, struct page_request *out) {
	const struct page_memory *memory = page->memory;
	for (int tries = 0; memory && tries < PAGE_READ_TRIES; tries++) {
		uint32_t before = atomic_load_explicit(&memory->request_sequence, memory_order_acquire);
		*out = memory->request;
		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) && atomic_load_explicit(&memory->request_sequence, memory_order_relaxed) == before) {
			out->text[PAGE_REQUEST_TEXT - 1] = '\0';
			return out->number != 0;
		}
		sched_yield();
	}
	return false;
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
