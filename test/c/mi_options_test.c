#include "allocator.h"
#include "allocators/mimalloc/mi_options.h"
#include "allocators/mimalloc/mi_process_info.h"
#include "testing.h"

#include <string.h>

/* The releases of both lines from 2.0.4 on whose headers the list was read from. */
static const int releases[] = {20004, 20005, 20006, 20007, 20009, 20100, 20101, 20102, 20104, 20106, 20107, 20108,
	20109, 20202, 20204, 20206, 20207, 20300, 20302, 20400, 20401, 30000, 30001, 30002, 30003, 30006, 30008, 30012,
	30104, 30105, 30106, 30206, 30208, 30300, 30302, 30400, 30403, 30600};

static struct mi_option_numbering numbering;

static int number_of(int version, const char *name) {
	if (!mi_option_numbering_of_version(&numbering, version)) return -1;
	for (size_t i = 0; i < numbering.count; i++)
		if (strcmp(numbering.names[i], name) == 0) return (int)i;
	return -1;
}

TEST(the_numbers_of_options_move_with_the_version) {
	CHECK_EQUAL(15, number_of(20009, "decommit_delay"));
	CHECK_EQUAL(-1, number_of(20009, "purge_delay"));
	CHECK_EQUAL(15, number_of(20401, "purge_delay"));
	CHECK_EQUAL(36, number_of(30001, "page_full_retain"));
	CHECK_EQUAL(35, number_of(30008, "page_full_retain"));
	CHECK_EQUAL(36, number_of(30105, "page_full_retain"));
	CHECK_EQUAL(44, number_of(30403, "minimal_purge_size"));
	CHECK_EQUAL(37, number_of(20206, "allow_thp"));
	CHECK_EQUAL(-1, number_of(20204, "allow_thp"));
}

TEST(one_line_of_releases_is_numbered_as_another) {
	CHECK_EQUAL(27, number_of(10804, "disallow_arena_alloc"));
	CHECK_EQUAL(37, number_of(10911, "allow_thp"));
}

TEST(versions_that_are_not_in_the_list_have_no_numbering) {
	const int unknown[] = {0, -1, 10801, 20003, 20402, 29999, 30601, 40000, 2000000000};
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		CHECK(!mi_option_numbering_of_version(&numbering, unknown[i]));
}

TEST(no_two_options_of_a_version_have_one_number) {
	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
		size_t spans = 0, names = 0;
		REQUIRE(mi_option_numbering_of_version(&numbering, releases[i]));
		for (size_t j = 0; j < mi_option_description_count; j++)
			for (size_t k = 0; k < MI_OPTION_MOST_SPANS; k++) {
				const struct mi_option_span *span = &mi_option_descriptions[j].spans[k];
				spans += span->first && span->first <= releases[i] && releases[i] <= span->last;
			}
		for (size_t j = 0; j < numbering.count; j++) names += *numbering.names[j] != '\0';
		CHECK_EQUAL(spans, names);
		CHECK(names > 20);
	}
}

TEST(every_option_has_bounds_and_a_span) {
	for (size_t i = 0; i < mi_option_description_count; i++) {
		const struct mi_option_description *option = &mi_option_descriptions[i];
		CHECK(option->least < option->most);
		CHECK(option->spans[0].first > 0);
		CHECK(strlen(option->name) <= MI_OPTION_LONGEST_NAME);
		for (size_t j = 0; j < MI_OPTION_MOST_SPANS; j++)
			CHECK(option->spans[j].first <= option->spans[j].last && option->spans[j].number >= 0 &&
				option->spans[j].number < MI_OPTION_MOST_NUMBERS);
	}
}

static const char printed[] = "v3.6.0, release\noption 'show_errors': 0 \noption 'verbose': 1 \n"
			      "option 'purge_delay': -1 \noption 'arena_reserve': 1048576 KiB\nmem tracking: none\n";

static long value_as_printed(int number) {
	const long values[] = {0, 1, -1, 1048576};
	return number < 4 ? values[number] : 0;
}

static long other_value(int number) {
	return number == 2 ? 7 : value_as_printed(number);
}

TEST(a_library_tells_its_numbering_by_the_order_it_prints_in) {
	REQUIRE(mi_option_numbering_of_print(&numbering, printed, value_as_printed));
	CHECK_EQUAL(4, numbering.count);
	CHECK_STRING("show_errors", numbering.names[0]);
	CHECK_STRING("arena_reserve", numbering.names[3]);
	CHECK(numbering.printed);
}

TEST(an_order_that_the_values_do_not_bear_out_is_no_numbering) {
	CHECK(!mi_option_numbering_of_print(&numbering, printed, other_value));
}

TEST(odd_print_is_no_numbering) {
	const char *odd[] = {"", "option", "option '", "option 'x", "option 'x'", "option 'x': 3",
		"option '0123456789012345678901234567890123456789012345678901234567890': 0"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		CHECK(!mi_option_numbering_of_print(&numbering, odd[i], value_as_printed));
	char cut[sizeof printed];
	for (size_t length = 0; length < sizeof printed; length++) {
		memcpy(cut, printed, length);
		cut[length] = '\0';
		if (mi_option_numbering_of_print(&numbering, cut, value_as_printed)) CHECK(numbering.count <= 4);
	}
}

TEST(more_options_than_there_is_room_for_are_no_numbering) {
	static char many[MI_OPTION_MOST_NUMBERS * 16 + 64];
	for (size_t i = 0; i <= MI_OPTION_MOST_NUMBERS; i++) strcat(many, "option 'x': 0 \n");
	CHECK(!mi_option_numbering_of_print(&numbering, many, other_value));
}

TEST(without_mimalloc_there_are_no_options) {
	long value;
	struct mi_process_info info;
	if (allocator_current() == &allocator_mimalloc) SKIP("mimalloc runs this process");
	CHECK(!mi_option_numbering());
	CHECK_EQUAL(STATUS_UNSUPPORTED, mi_option_read(0, &value));
	CHECK_EQUAL(STATUS_UNSUPPORTED, mi_option_write(0, 1, &value));
	CHECK_EQUAL(STATUS_UNSUPPORTED, mi_process_info_read(&info));
}
