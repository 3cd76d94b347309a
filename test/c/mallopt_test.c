#include "allocator.h"
#include "allocators/glibc/malloc_functions.h"
#include "allocators/glibc/mallopt.h"
#include "testing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool glibc_runs(void) {
	return allocator_current() == &allocator_glibc;
}

TEST(what_mallopt_took_is_remembered) {
	int value = 0;
	if (!glibc_runs()) SKIP("glibc's malloc does not run this process");
	CHECK(!mallopt_remembered(MALLOPT_top_pad, &value));
	CHECK_EQUAL(STATUS_OK, mallopt_set(MALLOPT_top_pad, 65536));
	REQUIRE(mallopt_remembered(MALLOPT_top_pad, &value));
	CHECK_EQUAL(65536, value);
	CHECK_EQUAL(STATUS_OK, mallopt_set(MALLOPT_trim_threshold, -1));
	REQUIRE(mallopt_remembered(MALLOPT_trim_threshold, &value));
	CHECK_EQUAL(-1, value);
}

TEST(what_is_out_of_bounds_is_refused_and_changes_nothing) {
	int value = 0;
	if (!glibc_runs()) SKIP("glibc's malloc does not run this process");
	const int odd[] = {0, -1, INT_MIN, 65537, INT_MAX};
	CHECK_EQUAL(STATUS_OK, mallopt_set(MALLOPT_arena_test, 9));
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		CHECK_EQUAL(STATUS_INVALID_VALUE, mallopt_set(MALLOPT_arena_test, odd[i]));
	REQUIRE(mallopt_remembered(MALLOPT_arena_test, &value));
	CHECK_EQUAL(9, value);
}

static char *touched_block(size_t bytes) {
	char *volatile block = malloc(bytes); /* or the compiler does without it */
	if (block) memset(block, 1, bytes);
	return block;
}

/* Under valgrind all blocks come from its own malloc, and glibc's knows of none. */
static bool glibc_gives_the_blocks(void) {
	struct glibc_mallinfo before, after;
	if (glibc_mallinfo_read(&before) != STATUS_OK) return false;
	char *block = touched_block(60000);
	bool counted = glibc_mallinfo_read(&after) == STATUS_OK && after.uordblks >= before.uordblks + 60000;
	free(block);
	return counted;
}

TEST(a_block_gets_a_mapping_of_its_own_from_the_threshold_on) {
	struct glibc_mallinfo before, below, above;
	if (!glibc_gives_the_blocks()) SKIP("glibc's malloc does not give the blocks, or has no mallinfo2");
	REQUIRE_EQUAL(STATUS_OK, mallopt_set(MALLOPT_mmap_threshold, 16 << 20));
	CHECK_EQUAL(STATUS_OK, glibc_mallinfo_read(&before));
	char *small = touched_block(8 << 20);
	CHECK_EQUAL(STATUS_OK, glibc_mallinfo_read(&below));
	char *large = touched_block(24 << 20);
	CHECK_EQUAL(STATUS_OK, glibc_mallinfo_read(&above));
	CHECK_EQUAL(before.hblks, below.hblks);
	CHECK_EQUAL(before.hblks + 1, above.hblks);
	free(small);
	free(large);
}

TEST(a_trim_says_whether_it_released_anything) {
	enum { BLOCKS = 200, BYTES = 60000 };
	static char *blocks[BLOCKS];
	bool released = false;
	if (!glibc_gives_the_blocks()) SKIP("glibc's malloc does not give the blocks, or has no mallinfo2");
	for (size_t i = 0; i < BLOCKS; i++) blocks[i] = touched_block(BYTES);
	for (size_t i = 0; i < BLOCKS; i += 2) free(blocks[i]);
	CHECK_EQUAL(STATUS_OK, glibc_trim(0, &released));
	CHECK(released);
	for (size_t i = 1; i < BLOCKS; i += 2) free(blocks[i]);
}

TEST(every_option_of_mallopt_has_bounds_and_a_name) {
	for (size_t i = 0; i < MALLOPT_COUNT; i++) {
		CHECK(mallopt_descriptions[i].least < mallopt_descriptions[i].most);
		CHECK(strncmp(mallopt_descriptions[i].tunable, "glibc.malloc.", 13) == 0);
	}
}

TEST(without_glibc_there_is_no_mallopt) {
	struct glibc_mallinfo info;
	bool released;
	if (glibc_runs()) SKIP("glibc's malloc runs this process");
	CHECK_EQUAL(STATUS_UNSUPPORTED, mallopt_set(MALLOPT_top_pad, 65536));
	CHECK_EQUAL(STATUS_UNSUPPORTED, glibc_mallinfo_read(&info));
	CHECK_EQUAL(STATUS_UNSUPPORTED, glibc_trim(0, &released));
}
