#define _GNU_SOURCE
#include "workers/seat.h"
#include "private_heap.h"
#include "workers/shared_page_layout.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* As futex(2) has them: <linux/futex.h> is the kernel's, and not everywhere a C library is. */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

/* Of a seat outside of the page. It is never given back: who waits on its bell may do so a moment longer than the seat.
 */
static struct slot_owner owner_outside;

/* When a kernel forbids futex(2), a word is looked at this often. */
enum { LOOK_MS = 50 };

static size_t slot_offset(unsigned number) {
	return offsetof(struct page_memory, slots) + number * sizeof(struct slot);
}

/* A new owner finds the slot as the last one left it, perhaps inside of writing: the sequence is made even again. */
static void open_slot(struct slot *slot, process_identity owner) {
	uint32_t sequence = atomic_load(&slot->sequence) | 1;
	atomic_store(&slot->sequence, sequence);
	atomic_thread_fence(memory_order_release);
	slot->report = (struct worker_report){.of = owner, .index = -1};
	slot->report.slow = NO_SLOW_FIGURES(0);
	history_clear(&slot->history);
	atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_release);
}

static bool take_slot(struct seat *seat, const struct shared_page *page, unsigned number, process_identity before) {
	struct page_memory *memory = page->memory;
	if (!shared_page_reserve(page, slot_offset(number), sizeof(struct slot))) return false;
	if (!atomic_compare_exchange_strong(&memory->owners[number].identity, &before, seat->identity)) return false;
	seat->slot = &memory->slots[number];
	seat->owner = &memory->owners[number];
	seat->number = (int)number;
	open_slot(seat->slot, seat->identity);
	return true;
}

static bool is_predecessor(const struct shared_page *page, unsigned number, int32_t index) {
	struct worker_report report;
	process_identity owner;
	return index >= 0 && shared_page_read(page, number, &owner, &report, NULL) && report.index == index;
}

/* In the order of preference: a dead worker's with this index, one never taken or given back, any dead worker's. */
static bool take_any_slot(struct seat *seat, const struct shared_page *page, int32_t index) {
	for (int pass = 0; pass < 3; pass++) {
		for (unsigned number = 0; number < SHARED_PAGE_SLOTS; number++) {
			process_identity owner = shared_page_owner(page, number);
			bool fits = pass == 1 ? owner == 0
					      : owner && !process_is_alive(owner) &&
							(pass == 2 || is_predecessor(page, number, index));
			if (fits && take_slot(seat, page, number, owner)) return true;
		}
	}
	return false;
}

enum status seat_take(struct seat *seat, struct shared_page *page, process_identity self, int32_t index) {
	*seat = (struct seat){.number = -1, .identity = self};
	if (!page->memory || !self || !take_any_slot(seat, page, index)) {
		seat->slot = private_alloc(PRIVATE_history, sizeof *seat->slot);
		if (!seat->slot) return STATUS_NO_MEMORY;
		seat->owner = &owner_outside;
		atomic_store(&owner_outside.bell, 0);
		open_slot(seat->slot, seat->identity);
	}
	seat_begin(seat)->index = index;
	seat_end(seat);
	return STATUS_OK;
}

static void free_own_seat(struct seat *seat) {
	if (seat->slot && seat->number < 0) private_free(PRIVATE_history, seat->slot);
}

void seat_leave(struct seat *seat) {
	process_identity self = seat->identity;
	if (seat->slot && seat->number >= 0) atomic_compare_exchange_strong(&seat->owner->identity, &self, 0);
	seat_forget(seat);
}

void seat_forget(struct seat *seat) {
	free_own_seat(seat);
	*seat = (struct seat){.number = -1};
}

struct worker_report *seat_begin(struct seat *seat) {
	uint32_t sequence = atomic_load_explicit(&seat->slot->sequence, memory_order_relaxed);
	atomic_store_explicit(&seat->slot->sequence, sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return &seat->slot->report;
}

struct history *seat_history(struct seat *seat) {
	return &seat->slot->history;
}

void seat_end(struct seat *seat) {
	uint32_t sequence = atomic_load_explicit(&seat->slot->sequence, memory_order_relaxed);
	atomic_store_explicit(&seat->slot->sequence, sequence + 1, memory_order_release);
}

void seat_read(const struct seat *seat, struct worker_report *report, struct history *history) {
	if (slot_read(seat->slot, report, history, history_now() + PAGE_READ_MS)) return;
	*report = (struct worker_report){.index = -1};
	report->slow = (struct slow_figures){0, HISTORY_ABSENT, HISTORY_ABSENT, HISTORY_ABSENT};
	if (history) history_clear(history);
}

static struct timespec timespec_of(uint32_t ms) {
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* Without futex(2), which a sandbox may forbid: a wait that returned at once would be a loop without a pause. */
static void word_watch(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms) {
	while (ms > 0 && atomic_load(word) == heard) {
		uint32_t pause = ms < LOOK_MS ? ms : LOOK_MS;
		struct timespec timeout = timespec_of(pause);
		if (nanosleep(&timeout, NULL) != 0) return;
		ms -= pause;
	}
}

void word_wait(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms) {
	struct timespec timeout = timespec_of(ms);
	long status = syscall(SYS_futex, word, FUTEX_WAIT, heard, &timeout, NULL, 0);
	if (status != 0 && errno != EAGAIN && errno != ETIMEDOUT && errno != EINTR) word_watch(word, heard, ms);
}

void word_raise(_Atomic uint32_t *word) {
	atomic_fetch_add(word, 1);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint32_t seat_bell(const struct seat *seat) {
	return atomic_load(&seat->owner->bell);
}

void seat_wait(const struct seat *seat, uint32_t heard, uint32_t ms) {
	word_wait(&seat->owner->bell, heard, ms);
}

void seat_ring(const struct seat *seat) {
	word_raise(&seat->owner->bell);
}
