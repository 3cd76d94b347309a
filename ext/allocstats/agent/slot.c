#define _GNU_SOURCE
#include "agent/slot.h"
#include "agent/shared_memory_layout.h"
#include "agent/wakeup.h"
#include "private_heap.h"

/* Of a slot outside of the shared memory. It is never given back: who waits on its wakeups may do so a moment longer
 * than the slot.
 */
static struct slot_owner owner_outside;

static size_t slot_offset(unsigned number) {
	return offsetof(struct shared_layout, slots) + number * sizeof(struct slot_memory);
}

/* A new owner finds the slot as the last one left it, perhaps inside of writing: the sequence is made even again. */
static void open_slot(struct slot_memory *slot, process_identity owner) {
	uint32_t sequence = atomic_load(&slot->sequence) | 1;
	atomic_store(&slot->sequence, sequence);
	atomic_thread_fence(memory_order_release);
	slot->report = (struct worker_report){.of = owner, .index = -1};
	slot->report.slow = NO_SLOW_FIGURES(0);
	history_clear(&slot->history);
	atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_release);
}

static bool take_slot(struct slot *slot, const struct shared_memory *shared, unsigned number, process_identity before) {
	struct shared_layout *layout = shared->layout;
	if (!shared_memory_reserve(shared, slot_offset(number), sizeof(struct slot_memory))) return false;
	if (!atomic_compare_exchange_strong(&layout->owners[number].identity, &before, slot->identity)) return false;
	slot->memory = &layout->slots[number];
	slot->owner = &layout->owners[number];
	slot->number = (int)number;
	open_slot(slot->memory, slot->identity);
	return true;
}

static bool is_predecessor(const struct shared_memory *shared, unsigned number, int32_t index) {
	struct worker_report report;
	process_identity owner;
	return index >= 0 && shared_memory_read(shared, number, &owner, &report, NULL) && report.index == index;
}

/* In the order of preference: a dead worker's with this index, one never taken or given back, any dead worker's. */
static bool take_any_slot(struct slot *slot, const struct shared_memory *shared, int32_t index) {
	for (int pass = 0; pass < 3; pass++) {
		for (unsigned number = 0; number < SHARED_SLOTS; number++) {
			process_identity owner = shared_memory_owner(shared, number);
			bool fits = pass == 1 ? owner == 0
					      : owner && !process_is_alive(owner) &&
							(pass == 2 || is_predecessor(shared, number, index));
			if (fits && take_slot(slot, shared, number, owner)) return true;
		}
	}
	return false;
}

enum status slot_take(struct slot *slot, struct shared_memory *shared, process_identity self, int32_t index) {
	*slot = (struct slot){.number = -1, .identity = self};
	if (!shared->layout || !self || !take_any_slot(slot, shared, index)) {
		slot->memory = private_alloc(PRIVATE_history, sizeof *slot->memory);
		if (!slot->memory) return STATUS_NO_MEMORY;
		slot->owner = &owner_outside;
		atomic_store(&owner_outside.wakeups, 0);
		open_slot(slot->memory, slot->identity);
	}
	slot_begin(slot)->index = index;
	slot_end(slot);
	return STATUS_OK;
}

static void free_own(struct slot *slot) {
	if (slot->memory && slot->number < 0) private_free(PRIVATE_history, slot->memory);
}

void slot_leave(struct slot *slot) {
	process_identity self = slot->identity;
	if (slot->memory && slot->number >= 0) atomic_compare_exchange_strong(&slot->owner->identity, &self, 0);
	slot_forget(slot);
}

void slot_forget(struct slot *slot) {
	free_own(slot);
	*slot = (struct slot){.number = -1};
}

struct worker_report *slot_begin(struct slot *slot) {
	uint32_t sequence = atomic_load_explicit(&slot->memory->sequence, memory_order_relaxed);
	atomic_store_explicit(&slot->memory->sequence, sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return &slot->memory->report;
}

struct history *slot_history(struct slot *slot) {
	return &slot->memory->history;
}

void slot_end(struct slot *slot) {
	uint32_t sequence = atomic_load_explicit(&slot->memory->sequence, memory_order_relaxed);
	atomic_store_explicit(&slot->memory->sequence, sequence + 1, memory_order_release);
}

void slot_read(const struct slot *slot, struct worker_report *report, struct history *history) {
	if (slot_memory_read(slot->memory, report, history, history_now() + SHARED_READ_MS)) return;
	*report = (struct worker_report){.index = -1};
	report->slow = NO_SLOW_FIGURES(0);
	if (history) history_clear(history);
}

uint32_t slot_wakeups(const struct slot *slot) {
	return atomic_load(&slot->owner->wakeups);
}

void slot_wait(const struct slot *slot, uint32_t heard, uint32_t ms) {
	wakeup_wait(&slot->owner->wakeups, heard, ms);
}

void slot_wake(const struct slot *slot) {
	wakeup_raise(&slot->owner->wakeups);
}
