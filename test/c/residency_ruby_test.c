#include "kernel/residency_ruby.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCK = 32 * 1024, BLOCKS = 1024, PAGE = 64 * 1024, PAGES = 32 };

static char *map(size_t bytes) {
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* At a multiple of a step. */
static char *aligned(char *address, size_t step) {
	return address + (step - (uintptr_t)address % step) % step;
}

static struct mapping anonymous(const char *start, size_t bytes) {
	return (struct mapping){
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + bytes,
		.traits = MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_NAMELESS,
	};
}

/* As transient_heap.c writes them when Ruby starts: all in one list, from the last to the first. */
static void write_blocks(char *start) {
	for (size_t i = 0; i < BLOCKS; i++) {
		int16_t last_marked = -1;
		uint64_t next = i ? (uintptr_t)start + (i - 1) * BLOCK : 0;
		memcpy(start + i * BLOCK + 2, &last_marked, sizeof last_marked);
		memcpy(start + i * BLOCK + 8, &next, sizeof next);
	}
}

TEST(the_transient_heap_is_known_by_all_of_its_blocks) {
	const size_t bytes = ((size_t)BLOCKS + 100) * BLOCK;
	char *area = map(bytes), *start = aligned(area, BLOCK) + 30 * (size_t)BLOCK;
	struct mapping mapping = anonymous(area, bytes);
	struct mappings mappings = {.items = &mapping, .count = 1};
	struct owned_ranges owned = {0};
	uint64_t inside = (uintptr_t)start + 500 * BLOCK + 100;
	uint64_t outside = (uintptr_t)area;

	CHECK(!transient_heap_own_range(&mappings, inside, &owned)); /* nothing but zeros */
	write_blocks(start);
	memcpy(start + 700 * (size_t)BLOCK + 8, &outside, sizeof outside);
	CHECK(!transient_heap_own_range(&mappings, inside, &owned));
	CHECK(!transient_heap_own_range(&mappings, 0, &owned));
	CHECK(!transient_heap_own_range(&mappings, (uintptr_t)area + bytes + BLOCK, &owned));
	write_blocks(start);
	mapping.traits |= MAPPING_EXECUTABLE;
	CHECK(!transient_heap_own_range(&mappings, inside, &owned));
	mapping.traits &= ~(unsigned)MAPPING_EXECUTABLE;
	mapping.end = (uintptr_t)start + (BLOCKS - 1) * (size_t)BLOCK;
	CHECK(!transient_heap_own_range(&mappings, inside, &owned));
	mapping.end = (uintptr_t)area + bytes;
	CHECK_EQUAL(0, owned.count);

	CHECK(transient_heap_own_range(&mappings, inside, &owned));
	CHECK(transient_heap_own_range(&mappings, 0, &owned)); /* it is remembered */
	REQUIRE_EQUAL(2, owned.count);
	CHECK_EQUAL((uintptr_t)start, owned.items[0].start);
	CHECK_EQUAL((uintptr_t)start + (size_t)BLOCKS * BLOCK, owned.items[0].end);
	CHECK_EQUAL(MAPPING_KIND_ruby_transient, owned.items[0].kind);
	owned_ranges_free(&owned);
	munmap(area, bytes);
}

/* As gc.c has it: what is before the page's address differs from one Ruby to the next. */
struct record {
	uint64_t counts[2], heap, free_next, body, slots, freelist, more[9];
};

static struct record records[PAGES];
static char *pages;
static size_t mapped = (PAGES + 1) * (size_t)PAGE;

static void write_page(size_t index, uint64_t slots) {
	char *page = pages + index * PAGE;
	struct record *record = &records[index];
	record->body = (uintptr_t)page;
	record->slots = slots ? (uintptr_t)page + slots : 0;
	record->freelist = slots ? (uintptr_t)page + slots + 400 * index : 0;
	memcpy(page, &record, sizeof record);
}

static struct mapping map_pages(void) {
	char *area = map(mapped);
	pages = aligned(area, PAGE);
	memset(records, 0, sizeof records);
	return anonymous(area, mapped);
}

static void name(struct ruby_heap *heap, size_t index) {
	uint64_t start = (uintptr_t)pages + index * PAGE;
	owned_ranges_add(&heap->pages, start, start + PAGE, MAPPING_KIND_ruby_heap);
	owned_ranges_settle(&heap->pages);
}

TEST(pages_are_known_by_the_records_that_know_them) {
	struct mapping mapping = map_pages();
	struct mappings mappings = {.items = &mapping, .count = 1};
	struct ruby_heap heap = {.page_bytes = PAGE, .unnamed = PAGES};
	struct owned_ranges found = {0};
	for (size_t i = 0; i < 10; i++) write_page(i, 40);
	for (size_t i = 20; i < 24; i++) write_page(i, 0);
	records[5].body = 1; /* a record of another page */
	records[6].slots = (uintptr_t)pages;
	for (size_t i = 0; i < 4; i++) name(&heap, i);

	CHECK(ruby_pages_own_ranges(&mappings, &heap, &found));
	owned_ranges_settle(&found);
	REQUIRE_EQUAL(3, found.count);
	CHECK_EQUAL((uintptr_t)pages + 4 * PAGE, found.items[0].start);
	CHECK_EQUAL((uintptr_t)pages + 5 * PAGE, found.items[0].end);
	CHECK_EQUAL((uintptr_t)pages + 7 * PAGE, found.items[1].start);
	CHECK_EQUAL((uintptr_t)pages + 10 * PAGE, found.items[1].end);
	CHECK_EQUAL((uintptr_t)pages + 20 * PAGE, found.items[2].start);
	CHECK_EQUAL((uintptr_t)pages + 24 * PAGE, found.items[2].end);
	CHECK_EQUAL(MAPPING_KIND_ruby_heap, found.items[0].kind);
	CHECK_EQUAL(MAPPING_KIND_ruby_heap_empty, found.items[2].kind);
	owned_ranges_free(&found);

	heap.unnamed = 2; /* no more than there are */
	CHECK(ruby_pages_own_ranges(&mappings, &heap, &found));
	CHECK_EQUAL(2, found.count);
	owned_ranges_free(&found);
	owned_ranges_free(&heap.pages);
	munmap((void *)(uintptr_t)mapping.start, mapped);
}

TEST(pages_whose_records_do_not_know_them_tell_nothing) {
	struct mapping mapping = map_pages();
	struct mappings mappings = {.items = &mapping, .count = 1};
	struct ruby_heap heap = {.page_bytes = PAGE, .unnamed = PAGES};
	struct owned_ranges found = {0};
	for (size_t i = 0; i < 10; i++) write_page(i, 40);
	CHECK(!ruby_pages_own_ranges(&mappings, &heap, &found)); /* none is named */
	name(&heap, 0);
	name(&heap, 1);
	CHECK(!ruby_pages_own_ranges(&mappings, &heap, &found)); /* too few to learn from */
	name(&heap, 2);
	name(&heap, 11); /* Ruby's by name, and without a record */
	records[1].body = 0;
	CHECK(!ruby_pages_own_ranges(&mappings, &heap, &found));
	CHECK_EQUAL(0, found.count);
	owned_ranges_free(&heap.pages);
	munmap((void *)(uintptr_t)mapping.start, mapped);
}
