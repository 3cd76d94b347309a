#include "heaps.h"
#include "kernel/own_memory.h"

/*
 * Each heap lies at a multiple of the most that it may grow to: 64 MiB (HEAP_MAX_SIZE of malloc/arena.c on 64 bits), or
 * four huge pages where glibc.malloc.hugetlb is 2 or a size: 8 MiB on x86-64, 4 GiB at most. The smallest divides all.
 */
static const uint64_t HEAP_STEP = UINT64_C(8) << 20, MOST_HEAP = UINT64_C(4) << 30;

/* The beginning of heap_info of malloc/arena.c. */
struct heap_header {
	uint64_t arena, previous, size, accessible_size;
};

/* The beginning of a malloc_chunk of malloc/malloc.c. */
struct chunk_header {
	uint64_t previous_size, size;
};
enum { CHUNK_FLAGS = 7, PREVIOUS_IN_USE = 1, CHUNK_IS_MAPPED = 2, NOT_OF_MAIN_ARENA = 4, LEAST_CHUNK = 16 };

static bool is_whole_pages(const struct own_memory *memory, uint64_t bytes) {
	return bytes > 0 && bytes % memory->page == 0;
}

/* The heap in which an arena began holds the arena itself, right behind its header. */
static bool holds_its_arena(uint64_t heap, const struct heap_header *header) {
	return header->arena > heap && header->arena - heap >= sizeof *header && header->arena - heap <= 128;
}

static bool is_heap(const struct own_memory *memory, uint64_t heap, struct heap_header *header) {
	struct heap_header first;
	if (!own_memory_peek(memory, heap, header, sizeof *header)) return false;
	if (!is_whole_pages(memory, header->size) || !is_whole_pages(memory, header->accessible_size)) return false;
	if (header->size > header->accessible_size || header->accessible_size > MOST_HEAP) return false;
	if (holds_its_arena(heap, header)) return header->previous == 0;
	if (header->previous == 0 || header->previous % HEAP_STEP != 0) return false;
	uint64_t first_heap = header->arena - header->arena % HEAP_STEP;
	return own_memory_peek(memory, first_heap, &first, sizeof first) && first.arena == header->arena &&
	       holds_its_arena(first_heap, &first);
}

/* All of a heap, though of huge pages each step that it grew is a mapping of its own. */
static void own_heaps(const struct own_memory *memory, const struct mapping *mapping, struct owned_ranges *owned) {
	struct heap_header header;
	uint64_t heap = (mapping->start + HEAP_STEP - 1) / HEAP_STEP * HEAP_STEP;
	for (; heap < mapping->end; heap += HEAP_STEP) {
		if (!is_heap(memory, heap, &header)) continue;
		owned_ranges_add(owned, heap, heap + header.accessible_size, MAPPING_KIND_malloc);
	}
}

/*
 * The whole length of the block that begins at this address, or 0 where none does. Up to glibc 2.42 its size has the
 * header in it; from 2.43 on it ends, as that of every chunk, with the first word of a next one, which is not there.
 */
static uint64_t mapped_block(const struct own_memory *memory, uint64_t address, uint64_t end) {
	struct chunk_header header;
	if (!own_memory_peek(memory, address, &header, sizeof header)) return 0;
	if ((header.size & CHUNK_FLAGS) != CHUNK_IS_MAPPED || header.previous_size != 0) return 0;
	uint64_t size = header.size & ~(uint64_t)CHUNK_FLAGS;
	if (size > end - address) return 0;
	if (!is_whole_pages(memory, size)) size += sizeof header;
	return is_whole_pages(memory, size) && size <= end - address ? size : 0;
}

/* Blocks that follow each other from the mapping's start, or from what others own in it. */
static void own_mapped_blocks(const struct own_memory *memory, const struct mapping *mapping,
	const struct owned_ranges *known, struct owned_ranges *owned) {
	uint64_t at = mapping->start;
	while (at < mapping->end) {
		const struct owned_range *range = owned_ranges_find(known, at);
		uint64_t size = range ? 0 : mapped_block(memory, at, mapping->end);
		if (!range && size == 0) return;
		if (size > 0) owned_ranges_add(owned, at, at + size, MAPPING_KIND_malloc);
		at = range ? range->end : at + size;
	}
}

static bool is_of_main_arena(const struct chunk_header *header) {
	uint64_t size = header->size & ~(uint64_t)CHUNK_FLAGS;
	return !(header->size & (CHUNK_IS_MAPPED | NOT_OF_MAIN_ARENA)) && size >= LEAST_CHUNK &&
	       size % LEAST_CHUNK == 0;
}

/*
 * Whether chunks of the main arena follow each other from a mapping's start to its end: each says how long it is, and
 * of a free one the next says so, too. Of so many that no chance brings them about the rest is believed.
 */
static bool is_full_of_chunks(const struct own_memory *memory, const struct mapping *mapping) {
	enum { ENOUGH = 4096 };
	struct chunk_header header, next;
	uint64_t at = mapping->start;
	if (!own_memory_peek(memory, at, &header, sizeof header) || !(header.size & PREVIOUS_IN_USE)) return false;
	for (unsigned i = 0; i < ENOUGH; i++) {
		uint64_t size = header.size & ~(uint64_t)CHUNK_FLAGS;
		if (!is_of_main_arena(&header) || size > mapping->end - at) return false;
		at += size;
		if (at == mapping->end) return true;
		if (!own_memory_peek(memory, at, &next, sizeof next)) return false;
		if (!(next.size & PREVIOUS_IN_USE) && next.previous_size != size) return false;
		header = next;
	}
	return true;
}

/* Where the main arena does not grow by brk(2): with glibc.malloc.hugetlb, or where brk was refused from the start. */
static void own_main_arena(const struct own_memory *memory, const struct mapping *mapping, struct owned_ranges *owned) {
	if (is_full_of_chunks(memory, mapping))
		owned_ranges_add(owned, mapping->start, mapping->end, MAPPING_KIND_malloc);
}

static bool grows_by_brk(const struct mappings *mappings) {
	for (size_t i = 0; i < mappings->count; i++) {
		if (mappings->items[i].traits & MAPPING_BRK) return true;
	}
	return false;
}

struct reading glibc_own_ranges(
	const struct mappings *mappings, const struct owned_ranges *known, struct owned_ranges *owned) {
	const unsigned wanted = MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_NAMELESS;
	const unsigned flags = MAPPING_GUARDED | MAPPING_NO_HUGE; /* say nothing of whose it is */
	struct own_memory memory;
	bool by_brk = grows_by_brk(mappings);
	struct reading reading = own_memory_open(&memory);
	if (reading.status != STATUS_OK) return reading;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		if ((mapping->traits & ~flags) != wanted) continue;
		own_heaps(&memory, mapping, owned);
		own_mapped_blocks(&memory, mapping, known, owned);
		if (!by_brk) own_main_arena(&memory, mapping, owned);
	}
	own_memory_close(&memory);
	return reading;
}
