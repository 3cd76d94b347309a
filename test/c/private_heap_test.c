#include "testing.h"

#include "private_heap.h"

#include <string.h>

TEST(a_block_is_zeroed_and_counted_for_its_purpose_alone) {
	uint64_t before = private_held(PRIVATE_readings), others = private_held(PRIVATE_samples);
	unsigned char *block = private_alloc(PRIVATE_readings, 1000);
	REQUIRE(block);
	for (unsigned i = 0; i < 1000; i++) CHECK_EQUAL(0, block[i]);
	CHECK(private_held(PRIVATE_readings) >= before + 1000);
	CHECK_EQUAL(others, private_held(PRIVATE_samples));

	private_free(PRIVATE_readings, block);
	CHECK_EQUAL(before, private_held(PRIVATE_readings));
}

TEST(a_block_that_is_resized_keeps_its_content_and_its_count) {
	uint64_t before = private_held(PRIVATE_readings);
	char *block = private_alloc(PRIVATE_readings, 16);
	REQUIRE(block);
	memcpy(block, "resident or not", 16);

	char *larger = private_resize(PRIVATE_readings, block, 1 << 20);
	if (!CHECK(larger)) {
		private_free(PRIVATE_readings, block);
		return;
	}
	CHECK_STRING("resident or not", larger);
	CHECK(private_held(PRIVATE_readings) >= before + (1 << 20));

	char *smaller = private_resize(PRIVATE_readings, larger, 16);
	CHECK_STRING("resident or not", smaller);
	CHECK(private_held(PRIVATE_readings) < before + (1 << 20));
	private_free(PRIVATE_readings, smaller);
	CHECK_EQUAL(before, private_held(PRIVATE_readings));
}

TEST(resizing_nothing_is_taking_a_block) {
	uint64_t before = private_held(PRIVATE_census);
	void *block = private_resize(PRIVATE_census, NULL, 64);
	CHECK(block);
	CHECK(private_held(PRIVATE_census) >= before + 64);
	private_free(PRIVATE_census, block);
	CHECK_EQUAL(before, private_held(PRIVATE_census));
}

TEST(nothing_may_be_given_back) {
	uint64_t before = private_held(PRIVATE_readings);
	private_free(PRIVATE_readings, NULL);
	CHECK_EQUAL(before, private_held(PRIVATE_readings));
}

TEST(a_block_of_no_bytes_is_a_block) {
	void *block = private_alloc(PRIVATE_readings, 0);
	CHECK(block);
	private_free(PRIVATE_readings, block);
}

TEST(an_absurd_size_is_refused_and_counts_nothing) {
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, (size_t)PTRDIFF_MAX + 1};
	uint64_t before = private_held(PRIVATE_readings);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) CHECK(!private_alloc(PRIVATE_readings, sizes[i]));
	CHECK_EQUAL(before, private_held(PRIVATE_readings));
}

TEST(resizing_to_an_absurd_size_leaves_the_old_block) {
	char *block = private_alloc(PRIVATE_readings, 8);
	REQUIRE(block);
	memcpy(block, "retain", 7);
	uint64_t before = private_held(PRIVATE_readings);
	CHECK(!private_resize(PRIVATE_readings, block, SIZE_MAX));
	CHECK_STRING("retain", block);
	CHECK_EQUAL(before, private_held(PRIVATE_readings));
	private_free(PRIVATE_readings, block);
}

TEST(the_core_is_tested_on_the_c_librarys_malloc) {
	CHECK_STRING("libc", private_heap_allocator());
	CHECK(private_heap_version() && private_heap_version()[0] != '\0');
}
