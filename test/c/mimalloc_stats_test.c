#include "allocators/mimalloc/stats.h"
#include "testing.h"

#include <string.h>

static const char json[] =
	"{\n"
	"  \"stat_version\": 6,\n  \"mimalloc_version\": 30600,\n"
	"  \"process\": {\n    \"elapsed_msecs\": 5,\n    \"commit_peak\": 1\n  },\n"
	"  \"pages\": { \"total\": 3, \"peak\": 2, \"current\": 1 },\n"
	"  \"reset\": 0,\n"
	"  \"committed\": { \"total\": 3, \"peak\": 2, \"current\": 1 },\n"
	"  \"arena_count\": 1,\n"
	"  \"malloc_bins\": [\n"
	"    { \"total\": 0, \"peak\": 0, \"current\": 0, \"block_size\": 8 },\n"
	"    { \"total\": 0, \"peak\": 0, \"current\": 0, \"block_size\": 8 }\n  ],\n"
	"  \"chunk_bins\": [\n    { \"total\": 0, \"peak\": 0, \"current\": 0, \"bin\": \"S\" }\n  ]\n}\n";

TEST(the_layout_follows_the_order_of_the_json) {
	struct mimalloc_layout layout;
	REQUIRE(mimalloc_layout_learn(&layout, json));
	CHECK_EQUAL(6, layout.version);
	CHECK_EQUAL(16 + 24 + 8 + 16, layout.offset[MIMALLOC_STAT_committed]);
	CHECK_EQUAL(16 + 24 + 8 + 24, layout.offset[MIMALLOC_STAT_arena_count]);
	CHECK_EQUAL(0, layout.offset[MIMALLOC_STAT_threads]);
	/* header, two counts, two counters, four reserved of each, three bins */
	CHECK_EQUAL(16 + 2 * 24 + 2 * 8 + 4 * 24 + 4 * 8 + 3 * 24, layout.size);
}

TEST(a_stat_is_read_at_its_offset_and_never_below_zero) {
	struct mimalloc_layout layout;
	int64_t stats[64] = {0};
	uint64_t value = 0;
	REQUIRE(mimalloc_layout_learn(&layout, json));
	stats[layout.offset[MIMALLOC_STAT_committed] / 8] = 4711;
	stats[layout.offset[MIMALLOC_STAT_arena_count] / 8] = -1;
	CHECK(mimalloc_layout_read(&layout, stats, MIMALLOC_STAT_committed, &value));
	CHECK_EQUAL(4711, value);
	CHECK(!mimalloc_layout_read(&layout, stats, MIMALLOC_STAT_arena_count, &value));
	CHECK(!mimalloc_layout_read(&layout, stats, MIMALLOC_STAT_threads, &value));
}

TEST(odd_statistics_are_refused) {
	const char *odd[] = {"", "{}", "{\"stat_version\": 6}", "{\"stat_version\": 6, \"process\": {",
		"{\"stat_version\": 6, \"process\": {} }",
		"{\"stat_version\": 3, \"process\": {}, \"pages\": 1, \"bins\": [] }",
		"{\"stat_version\": 6, \"process\": {}, \"pages",
		"{\"stat_version\": 6, \"process\": {}, \"pages\": { "};
	struct mimalloc_layout layout;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (!CHECK(!mimalloc_layout_learn(&layout, odd[i]))) testing_check(false, odd[i], __FILE__, __LINE__);
}

TEST(a_cut_text_is_never_read_past_its_end) {
	char cut[sizeof json];
	struct mimalloc_layout layout;
	for (size_t length = 0; length < sizeof json; length++) {
		memcpy(cut, json, length);
		cut[length] = '\0';
		if (mimalloc_layout_learn(&layout, cut)) CHECK(layout.size <= MIMALLOC_STATS_LARGEST);
	}
}
