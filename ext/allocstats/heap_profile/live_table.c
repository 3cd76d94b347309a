#include "heap_profile/live_table.h"
#include "heap_profile/hooks.h"
#include "private_heap.h"

enum { FIRST_CAPACITY = 512 };

static size_t home(const struct live_table *table, uintptr_t block) {
	return (size_t)(hash_of_block(block) >> (64 - __builtin_ctzll(table->capacity)));
}

static void mark_bit(struct live_table *table, uintptr_t block) {
	uint64_t bit = hash_of_block(block) >> (64 - FILTER_BITS);
	if (table->blocks_of_bit[bit] < UINT16_MAX) table->blocks_of_bit[bit]++;
	atomic_fetch_or_explicit(&heap_profile_filter[bit >> 6], UINT64_C(1) << (bit & 63), memory_order_relaxed);
}

/* A count that once was at its end is no longer exact, and its bit stays. */
static void unmark_bit(struct live_table *table, uintptr_t block) {
	uint64_t bit = hash_of_block(block) >> (64 - FILTER_BITS);
	if (table->blocks_of_bit[bit] == UINT16_MAX || --table->blocks_of_bit[bit] > 0) return;
	atomic_fetch_and_explicit(&heap_profile_filter[bit >> 6], ~(UINT64_C(1) << (bit & 63)), memory_order_relaxed);
}

bool live_table_init(struct live_table *table, size_t limit) {
	*table = (struct live_table){.capacity = FIRST_CAPACITY, .limit = limit};
	table->places = private_alloc(PRIVATE_heap_profile, table->capacity * sizeof *table->places);
	table->blocks_of_bit = private_alloc(PRIVATE_heap_profile, sizeof(uint16_t) << FILTER_BITS);
	if (table->places && table->blocks_of_bit) return true;
	live_table_clear(table);
	return false;
}

void live_table_clear(struct live_table *table) {
	for (size_t i = 0; i < FILTER_WORDS; i++)
		atomic_store_explicit(&heap_profile_filter[i], 0, memory_order_relaxed);
	private_free(PRIVATE_heap_profile, table->places);
	private_free(PRIVATE_heap_profile, table->blocks_of_bit);
	*table = (struct live_table){0};
}

/* Where the block is, or where it would be. */
static size_t place_of(const struct live_table *table, uintptr_t block) {
	size_t mask = table->capacity - 1, i = home(table, block);
	while (table->places[i].block && table->places[i].block != block) i = (i + 1) & mask;
	return i;
}

static bool grow(struct live_table *table) {
	struct live_table larger = *table;
	larger.capacity = table->capacity * 2;
	larger.places = private_alloc(PRIVATE_heap_profile, larger.capacity * sizeof *larger.places);
	if (!larger.places) return false;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->places[i].block) larger.places[place_of(&larger, table->places[i].block)] = table->places[i];
	private_free(PRIVATE_heap_profile, table->places);
	*table = larger;
	return true;
}

bool live_table_add(struct live_table *table, const struct live_sample *sample) {
	size_t i = place_of(table, sample->block);
	if (!table->places[i].block) {
		if (table->count >= table->limit) return false;
		if (table->count * 4 >= table->capacity * 3) {
			if (!grow(table)) return false;
			i = place_of(table, sample->block);
		}
		table->count++;
		mark_bit(table, sample->block);
	}
	table->places[i] = *sample;
	return true;
}

/* Each that follows moves into the gap unless its home lies behind it. */
static void close_gap(struct live_table *table, size_t gap) {
	size_t mask = table->capacity - 1;
	for (size_t i = (gap + 1) & mask; table->places[i].block; i = (i + 1) & mask)
		if (((i - home(table, table->places[i].block)) & mask) >= ((i - gap) & mask)) {
			table->places[gap] = table->places[i];
			gap = i;
		}
	table->places[gap].block = 0;
}

bool live_table_remove(struct live_table *table, const void *block, struct live_sample *removed) {
	size_t i = place_of(table, (uintptr_t)block);
	if (!table->places[i].block) return false;
	if (removed) *removed = table->places[i];
	close_gap(table, i);
	table->count--;
	unmark_bit(table, (uintptr_t)block);
	return true;
}
