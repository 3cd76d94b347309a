#include "residency_ruby.h"
#include "own_memory.h"
#include "private_heap.h"

#include <stdatomic.h>

/* Anonymous memory that may be Ruby's: whose name says nothing, or just that. */
static bool may_be_rubys(const struct mapping *mapping) {
	const unsigned access = MAPPING_READABLE | MAPPING_WRITABLE;
	const unsigned all = access | MAPPING_EXECUTABLE | MAPPING_SHARED | MAPPING_OF_FILE | MAPPING_BRK;
	if ((mapping->traits & all) != access) return false;
	return mapping->traits & MAPPING_NAMED ? mapping->kind == MAPPING_KIND_ruby_heap
					       : (mapping->traits & MAPPING_NAMELESS) != 0;
}

static uint64_t round_up(uint64_t address, uint64_t step) {
	return (address + step - 1) / step * step;
}

/* Pages of slots */

/* How far into the record is looked; the fields that are wanted lie in front of its bitmaps. */
enum { RECORD_WORDS = 16, LEARNT_FROM = 64, ENOUGH = 3 };

/* Where in the record of a page its address and that of its first slot are, as a bit for each word that may be it. */
struct layout {
	unsigned page, slots, seen;
};

struct page_reader {
	struct own_memory memory;
	uint64_t page_bytes;
	struct layout layout;
};

static bool read_record(const struct page_reader *reader, uint64_t page, uint64_t words[RECORD_WORDS]) {
	uint64_t record;
	if (!own_memory_peek(&reader->memory, page, &record, sizeof record)) return false;
	if (record == 0 || record % sizeof record != 0) return false;
	return own_memory_peek(&reader->memory, record, words, RECORD_WORDS * sizeof *words);
}

static void learn_from(struct page_reader *reader, uint64_t page) {
	uint64_t words[RECORD_WORDS];
	struct layout here = {0};
	if (!read_record(reader, page, words)) return;
	for (unsigned i = 0; i < RECORD_WORDS; i++) {
		if (words[i] == page) here.page |= 1u << i;
		if (words[i] > page && words[i] < page + reader->page_bytes) here.slots |= 1u << i;
	}
	reader->layout.page &= here.page;
	reader->layout.slots &= here.slots;
	reader->layout.seen++;
}

/* The freelist points into the page, too, but not in every page, and never in front of where its slots begin. */
static bool learn(struct page_reader *reader, const struct owned_ranges *pages) {
	unsigned count = 0;
	reader->layout = (struct layout){.page = ~0u, .slots = ~0u};
	for (size_t i = 0; i < pages->count; i++) {
		uint64_t page = pages->items[i].start;
		for (; page < pages->items[i].end && count < LEARNT_FROM; page += reader->page_bytes, count++)
			learn_from(reader, page);
	}
	return reader->layout.seen >= ENOUGH && reader->layout.page && reader->layout.slots;
}

/* MAPPING_KIND_other for what is no page of Ruby's. */
static enum mapping_kind kind_of_page(const struct page_reader *reader, uint64_t page) {
	uint64_t words[RECORD_WORDS];
	if (!read_record(reader, page, words)) return MAPPING_KIND_other;
	if (words[__builtin_ctz(reader->layout.page)] != page) return MAPPING_KIND_other;
	uint64_t slots = words[__builtin_ctz(reader->layout.slots)];
	if (slots == 0) return MAPPING_KIND_ruby_heap_empty;
	return slots > page && slots < page + reader->page_bytes ? MAPPING_KIND_ruby_heap : MAPPING_KIND_other;
}

static uint64_t own_in(const struct page_reader *reader, const struct mapping *mapping, const struct ruby_heap *heap,
	uint64_t most, struct owned_ranges *owned) {
	uint64_t found = 0, step = reader->page_bytes;
	for (uint64_t page = round_up(mapping->start, step); found < most && page + step <= mapping->end;
		page += step) {
		if (owned_ranges_find(&heap->pages, page)) continue;
		enum mapping_kind kind = kind_of_page(reader, page);
		if (kind == MAPPING_KIND_other) continue;
		owned_ranges_add(owned, page, page + step, kind);
		found++;
	}
	return found;
}

bool ruby_pages_own_ranges(const struct mappings *mappings, const struct ruby_heap *heap, struct owned_ranges *owned) {
	struct page_reader reader = {.page_bytes = heap->page_bytes};
	uint64_t found = 0;
	if (heap->page_bytes == 0 || heap->unnamed == 0) return false;
	if (own_memory_open(&reader.memory).status != STATUS_OK) return false;
	bool known = learn(&reader, &heap->pages);
	if (known) {
		for (size_t i = 0; i < mappings->count && found < heap->unnamed; i++) {
			if (!may_be_rubys(&mappings->items[i])) continue;
			found += own_in(&reader, &mappings->items[i], heap, heap->unnamed - found, owned);
		}
	}
	own_memory_close(&reader.memory);
	return known;
}

/* The transient heap: transient_heap.c of Ruby 2.6 to 3.2 */

enum { BLOCK_BYTES = 32 * 1024, BLOCKS = 1024, ENDS_OF_LISTS = 8 };
static const uint64_t TRANSIENT_BYTES = (uint64_t)BLOCK_BYTES * BLOCKS;

struct block_header {
	int16_t index, last_marked_index, objects;
	uint64_t next;
};

static atomic_uint_fast64_t proven_start;

static bool is_sound(const struct block_header *header, uint64_t start) {
	if (header->index < 0 || header->objects < 0 || header->last_marked_index < -1) return false;
	if (header->index % 8 != 0) return false;
	return header->next == 0 ||
	       (header->next >= start && header->next < start + TRANSIENT_BYTES && header->next % BLOCK_BYTES == 0);
}

/* Only the last block of each list points to none. */
static bool begins_at(const struct block_header *headers, uint64_t start) {
	unsigned ends = 0;
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (!is_sound(&headers[i], start)) return false;
		if (headers[i].next == 0 && ++ends > ENDS_OF_LISTS) return false;
	}
	return true;
}

/* The headers of the blocks around an address, as far as they can be had; answers where the first of them is. */
static uint64_t find_start(const struct mapping *mapping, uint64_t inside, struct block_header headers[2 * BLOCKS]) {
	struct own_memory memory;
	uint64_t lowest = round_up(mapping->start, BLOCK_BYTES), found = 0;
	inside -= inside % BLOCK_BYTES;
	if (inside > TRANSIENT_BYTES - BLOCK_BYTES && inside - (TRANSIENT_BYTES - BLOCK_BYTES) > lowest)
		lowest = inside - (TRANSIENT_BYTES - BLOCK_BYTES);
	if (own_memory_open(&memory).status != STATUS_OK) return 0;
	for (unsigned i = 0; i < 2 * BLOCKS - 1; i++) {
		uint64_t block = lowest + (uint64_t)i * BLOCK_BYTES;
		headers[i].index = -1;
		if (block + BLOCK_BYTES <= mapping->end)
			own_memory_peek(&memory, block, &headers[i], sizeof headers[i]);
	}
	own_memory_close(&memory);
	for (uint64_t start = lowest; !found && start <= inside; start += BLOCK_BYTES) {
		if (begins_at(headers + (start - lowest) / BLOCK_BYTES, start)) found = start;
	}
	return found;
}

static uint64_t find_transient_heap(const struct mappings *mappings, uint64_t inside) {
	const struct mapping *mapping = mappings_find(mappings, inside);
	if (!mapping || !may_be_rubys(mapping) || mapping->end - mapping->start < TRANSIENT_BYTES) return 0;
	struct block_header *headers = private_alloc(PRIVATE_readings, sizeof *headers * 2 * BLOCKS);
	uint64_t start = headers ? find_start(mapping, inside, headers) : 0;
	private_free(PRIVATE_readings, headers);
	return start;
}

bool transient_heap_own_range(const struct mappings *mappings, uint64_t inside, struct owned_ranges *owned) {
	uint64_t start = atomic_load_explicit(&proven_start, memory_order_relaxed);
	if (start == 0 && inside != 0) start = find_transient_heap(mappings, inside);
	if (start == 0) return false;
	atomic_store_explicit(&proven_start, start, memory_order_relaxed);
	owned_ranges_add(owned, start, start + TRANSIENT_BYTES, MAPPING_KIND_ruby_transient);
	return true;
}
