#define _GNU_SOURCE
#include "testing.h"

#include "allocators/glibc/heaps.h"
#include "kernel/residency.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t everything(uint64_t start, uint64_t end) {
	return end - start;
}

static uint64_t nothing(uint64_t start, uint64_t end) {
	(void)start, (void)end;
	return 0;
}

static struct mapping made(uint64_t start, uint64_t end, uint64_t rss, uint64_t pss, uint64_t swap) {
	struct mapping mapping = {.start = start, .end = end, .kind = MAPPING_KIND_other};
	mapping.figures.present = MAPPING_FIGURES_ALL;
	mapping.figures.value[MAPPING_FIGURE_rss] = rss;
	mapping.figures.value[MAPPING_FIGURE_pss] = pss;
	mapping.figures.value[MAPPING_FIGURE_swap] = swap;
	return mapping;
}

static void divide(struct mapping *items, size_t count, struct owned_ranges *owned, residency_counter counter,
	struct mapping_figures kinds[MAPPING_KIND_COUNT]) {
	struct mappings mappings = {items, count, count};
	owned_ranges_settle(owned);
	for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++) kinds[i] = mapping_figures_zero;
	residency_divide(&mappings, owned, counter, kinds);
	owned_ranges_free(owned);
}

#define FIGURE_OF(kind, figure) kinds[MAPPING_KIND_##kind].value[MAPPING_FIGURE_##figure]

TEST(owned_ranges_are_sorted_joined_and_disjoint) {
	struct owned_ranges owned = {0};
	for (uint64_t i = 500; i-- > 0;) owned_ranges_add(&owned, i * 10, i * 10 + 10, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&owned, 7000, 7000, MAPPING_KIND_stack);
	owned_ranges_add(&owned, 7010, 7000, MAPPING_KIND_stack);
	owned_ranges_add(&owned, 5000, 5005, MAPPING_KIND_stack);
	owned_ranges_settle(&owned);
	REQUIRE_EQUAL(2, owned.count);
	CHECK_EQUAL(0, owned.items[0].start);
	CHECK_EQUAL(5000, owned.items[0].end);
	CHECK_EQUAL(5005, owned.items[1].end);
	CHECK_EQUAL(MAPPING_KIND_ruby_heap, owned_ranges_find(&owned, 4999)->kind);
	CHECK_EQUAL(MAPPING_KIND_stack, owned_ranges_find(&owned, 5000)->kind);
	CHECK(!owned_ranges_find(&owned, 5005));
	owned_ranges_free(&owned);
}

TEST(what_two_own_is_the_ones_that_begins_first) {
	struct owned_ranges owned = {0};
	owned_ranges_add(&owned, 150, 250, MAPPING_KIND_stack);
	owned_ranges_add(&owned, 100, 200, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&owned, 120, 130, MAPPING_KIND_stack);
	owned_ranges_settle(&owned);
	REQUIRE_EQUAL(2, owned.count);
	CHECK_EQUAL(200, owned.items[0].end);
	CHECK_EQUAL(200, owned.items[1].start);
	CHECK_EQUAL(MAPPING_KIND_stack, owned.items[1].kind);
	owned_ranges_free(&owned);
}

TEST(a_weaker_owner_gets_what_is_left) {
	struct owned_ranges owned = {0}, weaker = {0};
	owned_ranges_add(&owned, 200, 300, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&owned, 500, 600, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&weaker, 100, 550, MAPPING_KIND_malloc);
	owned_ranges_add(&weaker, 560, 580, MAPPING_KIND_malloc);
	owned_ranges_add(&weaker, 590, 700, MAPPING_KIND_malloc);
	owned_ranges_settle(&owned);
	owned_ranges_settle(&weaker);
	owned_ranges_add_weaker(&owned, &weaker);
	static const uint64_t expected[][3] = {{100, 200, MAPPING_KIND_malloc}, {200, 300, MAPPING_KIND_ruby_heap},
		{300, 500, MAPPING_KIND_malloc}, {500, 600, MAPPING_KIND_ruby_heap}, {600, 700, MAPPING_KIND_malloc}};
	REQUIRE_EQUAL(5, owned.count);
	for (size_t i = 0; i < 5; i++) {
		CHECK_EQUAL(expected[i][0], owned.items[i].start);
		CHECK_EQUAL(expected[i][1], owned.items[i].end);
		CHECK_EQUAL(expected[i][2], owned.items[i].kind);
	}
	owned_ranges_free(&owned);
	owned_ranges_free(&weaker);
}

TEST(a_mapping_is_divided_by_resident_bytes_and_the_rest_in_proportion) {
	struct mapping items[] = {made(0, 1000, 800, 401, 7), made(1000, 2000, 500, 500, 0)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	owned_ranges_add(&owned, 0, 200, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&owned, 900, 1100, MAPPING_KIND_stack);
	divide(items, 2, &owned, everything, kinds);
	CHECK_EQUAL(200, FIGURE_OF(ruby_heap, rss));
	CHECK_EQUAL(100, FIGURE_OF(ruby_heap, pss));
	CHECK_EQUAL(200, FIGURE_OF(stack, rss));
	CHECK_EQUAL(900, FIGURE_OF(other, rss));
	CHECK_EQUAL(901, FIGURE_OF(ruby_heap, pss) + FIGURE_OF(stack, pss) + FIGURE_OF(other, pss));
	CHECK_EQUAL(7, FIGURE_OF(ruby_heap, swap) + FIGURE_OF(stack, swap) + FIGURE_OF(other, swap));
}

TEST(an_owner_takes_no_more_than_the_kernel_counted) {
	struct mapping items[] = {made(0, 1000, 300, 300, 0)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	owned_ranges_add(&owned, 0, 200, MAPPING_KIND_ruby_heap);
	owned_ranges_add(&owned, 200, 900, MAPPING_KIND_malloc);
	divide(items, 1, &owned, everything, kinds);
	CHECK_EQUAL(200, FIGURE_OF(ruby_heap, rss));
	CHECK_EQUAL(100, FIGURE_OF(malloc, rss));
	CHECK_EQUAL(0, FIGURE_OF(other, rss));
}

TEST(what_is_swapped_out_whole_is_divided_by_extent) {
	struct mapping items[] = {made(0, 1000, 0, 0, 500)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	owned_ranges_add(&owned, 0, 250, MAPPING_KIND_ruby_heap);
	divide(items, 1, &owned, nothing, kinds);
	CHECK_EQUAL(125, FIGURE_OF(ruby_heap, swap));
	CHECK_EQUAL(375, FIGURE_OF(other, swap));
}

TEST(a_mapping_that_is_owned_whole_is_taken_by_the_kernels_count) {
	struct mapping items[] = {made(1000, 2000, 700, 600, 3)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	owned_ranges_add(&owned, 0, 5000, MAPPING_KIND_malloc);
	divide(items, 1, &owned, nothing, kinds);
	CHECK_EQUAL(700, FIGURE_OF(malloc, rss));
	CHECK_EQUAL(600, FIGURE_OF(malloc, pss));
	CHECK_EQUAL(0, FIGURE_OF(other, rss));
}

TEST(the_largest_numbers_are_divided_without_overflow) {
	const uint64_t huge = UINT64_MAX / 1024 * 1024;
	struct mapping items[] = {made(0, huge, huge, huge, huge)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	owned_ranges_add(&owned, 0, huge / 3, MAPPING_KIND_malloc);
	divide(items, 1, &owned, everything, kinds);
	CHECK_EQUAL(huge / 3, FIGURE_OF(malloc, swap));
	CHECK_EQUAL(huge, FIGURE_OF(malloc, swap) + FIGURE_OF(other, swap));
}

TEST(a_figure_that_a_mapping_lacks_stays_absent_when_it_is_divided) {
	struct mapping items[] = {made(0, 1000, 800, 400, 7)};
	struct owned_ranges owned = {0};
	struct mapping_figures kinds[MAPPING_KIND_COUNT];
	items[0].figures.present &= ~(1u << MAPPING_FIGURE_pss);
	owned_ranges_add(&owned, 0, 200, MAPPING_KIND_ruby_heap);
	divide(items, 1, &owned, everything, kinds);
	CHECK(!(kinds[MAPPING_KIND_ruby_heap].present >> MAPPING_FIGURE_pss & 1));
	CHECK(!(kinds[MAPPING_KIND_other].present >> MAPPING_FIGURE_pss & 1));
	CHECK(kinds[MAPPING_KIND_ruby_heap].present >> MAPPING_FIGURE_rss & 1);
}

TEST(resident_pages_are_counted) {
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 10000 * page;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	uint64_t start = (uint64_t)(uintptr_t)memory;
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	CHECK_EQUAL(0, residency_count(start, start + bytes));
	for (size_t i = 0; i < 10000; i += 4) memory[i * page] = 1;
	CHECK_EQUAL(2500 * page, residency_count(start, start + bytes));
	CHECK_EQUAL(page, residency_count(start + 16, start + 17));
	munmap(memory, bytes);
	CHECK_EQUAL(0, residency_count(start, start + bytes));
}

/* What glibc writes at the start of a block that has a mapping of its own. */
static void write_block(char *memory, uint64_t size) {
	const uint64_t header[] = {0, size | 2};
	memcpy(memory, header, sizeof header);
}

TEST(blocks_with_a_mapping_of_their_own_are_known_by_the_header_of_each_version) {
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 16 * page;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	uint64_t start = (uint64_t)(uintptr_t)memory;
	struct mapping mapping = made(start, start + bytes, bytes, bytes, 0);
	mapping.traits = MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_NAMELESS;
	const struct mappings mappings = {&mapping, 1, 1};
	static const struct {
		uint64_t pages, less, found; /* `less` bytes than the pages is the size in the header */
	} cases[] = {
		{4, 0, 4},  /* up to 2.42 */
		{4, 16, 4}, /* from 2.43 on */
		{16, 16, 16},
		{4, 8, 0},
		{4, 32, 0},
		{0, 0, 0},
		{17, 0, 0}, /* longer than the mapping */
		{17, 16, 0},
		{1u << 30, 16, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owned_ranges owned = {0}, known = {0};
		write_block(memory, cases[i].pages * page - cases[i].less);
		REQUIRE_EQUAL(STATUS_OK, glibc_own_ranges(&mappings, &known, &owned).status);
		REQUIRE_EQUAL(cases[i].found > 0, owned.count);
		if (owned.count) CHECK_EQUAL(cases[i].found * page, owned.items[0].end - start);
		owned_ranges_free(&owned);
	}
	munmap(memory, bytes);
}

TEST(blocks_of_both_versions_may_follow_each_other) {
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 16 * page;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	uint64_t start = (uint64_t)(uintptr_t)memory;
	struct mapping mapping = made(start, start + bytes, bytes, bytes, 0);
	mapping.traits = MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_NAMELESS;
	const struct mappings mappings = {&mapping, 1, 1};
	struct owned_ranges owned = {0}, known = {0};
	write_block(memory, 4 * page);
	write_block(memory + 4 * page, 5 * page - 16);
	write_block(memory + 9 * page, 2 * page - 16);
	REQUIRE_EQUAL(STATUS_OK, glibc_own_ranges(&mappings, &known, &owned).status);
	owned_ranges_settle(&owned);
	REQUIRE_EQUAL(1, owned.count);
	CHECK_EQUAL(11 * page, owned.items[0].end - start);
	owned_ranges_free(&owned);
	munmap(memory, bytes);
}
