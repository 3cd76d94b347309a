#include "exec_filter/edited_environment.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER "LD_PRELOAD=/gem/" EXEC_FILTER_FILE
#define LIBRARY "ALLOCSTATS_ONLY_LIBRARY=/lib/libjemalloc.so.2"
#define TOLD "ALLOCSTATS_ONLY_WITH=MALLOC_CONF=narenas:1,narenas:9\x1fX=1"
#define HAD "ALLOCSTATS_ONLY_WITHOUT=MALLOC_CONF=narenas:9"

/* In a room of just the size that it asks for, which lives as long as the program. */
static char *const *edited(char *const environment[], bool meant) {
	size_t size = edited_environment_room(environment);
	static char **rooms[100];
	static size_t used;
	char **room = rooms[used % 100];
	free(room);
	room = rooms[used++ % 100] = malloc((size + 1) * sizeof *room);
	return edited_environment(room, size, environment, meant);
}

static const char *value(char *const environment[], const char *name) {
	const char *found = environment_value(environment, name);
	return found ? found : "absent";
}

TEST(a_program_that_it_is_meant_for_gets_it) {
	char *before[] = {FILTER ":libm.so.6", LIBRARY, TOLD, HAD, "HOME=/", "MALLOC_CONF=narenas:9", NULL};
	char *const *after = edited(before, true);
	CHECK_STRING("/lib/libjemalloc.so.2:/gem/" EXEC_FILTER_FILE ":libm.so.6", value(after, "LD_PRELOAD"));
	CHECK_STRING("narenas:1,narenas:9", value(after, "MALLOC_CONF"));
	CHECK_STRING("1", value(after, "X"));
	CHECK_STRING("/", value(after, "HOME"));
}

TEST(another_program_is_spared_and_has_what_was_there) {
	char *before[] = {"LD_PRELOAD=/lib/libjemalloc.so.2:/gem/" EXEC_FILTER_FILE, LIBRARY, TOLD, HAD, "X=1",
		"MALLOC_CONF=narenas:1,narenas:9", NULL};
	char *const *after = edited(before, false);
	CHECK_STRING("/gem/" EXEC_FILTER_FILE, value(after, "LD_PRELOAD"));
	CHECK_STRING("narenas:9", value(after, "MALLOC_CONF"));
	CHECK_STRING("absent", value(after, "X"));
}

TEST(there_and_back_is_the_same) {
	char *start[] = {FILTER, LIBRARY, TOLD, HAD, "MALLOC_CONF=narenas:9", NULL};
	char *const *with = edited(start, true);
	char *const *again = edited(with, true);
	char *const *without = edited(with, false);
	CHECK_STRING(value(with, "LD_PRELOAD"), value(again, "LD_PRELOAD"));
	CHECK_STRING("/gem/" EXEC_FILTER_FILE, value(without, "LD_PRELOAD"));
	CHECK_STRING("narenas:9", value(without, "MALLOC_CONF"));
}

TEST(what_was_changed_on_the_way_stays) {
	char *before[] = {FILTER, LIBRARY, TOLD, HAD, "MALLOC_CONF=tcache:false", "X=2", NULL};
	CHECK_STRING("tcache:false", value(edited(before, true), "MALLOC_CONF"));
	CHECK_STRING("2", value(edited(before, false), "X"));
}

TEST(the_library_is_found_in_any_place_of_the_list) {
	const char *lists[] = {"/l.so:/" EXEC_FILTER_FILE, "/" EXEC_FILTER_FILE ":/l.so",
		"/" EXEC_FILTER_FILE " /l.so  /m.so", "::/l.so:/" EXEC_FILTER_FILE};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char preload[200];
		snprintf(preload, sizeof preload, "LD_PRELOAD=%s", lists[i]);
		char *before[] = {preload, "ALLOCSTATS_ONLY_LIBRARY=/l.so", NULL};
		CHECK(!strstr(value(edited(before, false), "LD_PRELOAD"), "l.so:"));
		CHECK_STRING(lists[i], value(edited(before, true), "LD_PRELOAD"));
	}
	char *other[] = {"LD_PRELOAD=/l.so.2:/" EXEC_FILTER_FILE, "ALLOCSTATS_ONLY_LIBRARY=/l.so", NULL};
	CHECK_STRING("/l.so:/l.so.2:/" EXEC_FILTER_FILE, value(edited(other, true), "LD_PRELOAD"));
}

TEST(an_allocator_without_a_library_has_variables_alone) {
	char *before[] = {FILTER, "ALLOCSTATS_ONLY_LIBRARY=", "ALLOCSTATS_ONLY_WITH=MALLOC_ARENA_MAX=2", NULL};
	char *const *after = edited(before, true);
	CHECK_STRING("/gem/" EXEC_FILTER_FILE, value(after, "LD_PRELOAD"));
	CHECK_STRING("2", value(after, "MALLOC_ARENA_MAX"));
	CHECK_STRING("absent", value(edited(before, false), "MALLOC_ARENA_MAX"));
}

TEST(what_has_no_filter_or_says_nothing_is_left_alone) {
	char *no_filter[] = {"LD_PRELOAD=/x.so", LIBRARY, TOLD, NULL}, *no_preload[] = {LIBRARY, NULL},
	     *nothing[] = {FILTER, NULL};
	char *empty[] = {NULL}, *odd[] = {FILTER, "", "=", "NOTHING", "LD_PRELOAD", LIBRARY, NULL};
	CHECK(edited(no_filter, true) == no_filter);
	CHECK(edited(no_preload, true) == no_preload);
	CHECK(edited(nothing, false) == nothing);
	CHECK(edited(empty, false) == empty);
	CHECK_STRING("NOTHING", edited(odd, true)[3]);
}

TEST(the_room_is_enough_for_whatever_the_environment_says) {
	enum { MANY = 5000 };
	static char *many[MANY + 3], long_with[10000], long_list[10000], entries[4000];
	for (size_t i = 0; i < MANY + 2; i++) many[i] = "A=1";
	many[0] = FILTER;
	many[1] = LIBRARY;
	char *const *after = edited(many, true);
	CHECK(after != many);
	for (size_t i = 2; i < MANY + 2; i++) CHECK(after[i] == many[i]);
	CHECK(!after[MANY + 2]);

	memset(long_with, 'x', sizeof long_with - 1);
	memcpy(long_with, "ALLOCSTATS_ONLY_WITH=Y=", 23);
	char *with_much[] = {FILTER, LIBRARY, long_with, NULL};
	CHECK_STRING(long_with + 23, value(edited(with_much, true), "Y"));
	CHECK_STRING("absent", value(edited(edited(with_much, true), false), "Y"));

	memset(long_list, 'x', sizeof long_list - 1);
	memcpy(long_list, FILTER ":", strlen(FILTER) + 1);
	char *preloading_much[] = {long_list, long_list, LIBRARY, NULL};
	CHECK_EQUAL(strlen(long_list) - strlen("LD_PRELOAD=") + strlen("/lib/libjemalloc.so.2:"),
		strlen(value(edited(preloading_much, true), "LD_PRELOAD")));

	strcpy(entries, "ALLOCSTATS_ONLY_WITH=");
	for (int i = 0; i < 300; i++) sprintf(entries + strlen(entries), "A%d=1\x1f", i);
	char *with_many[] = {FILTER, LIBRARY, entries, NULL};
	CHECK_STRING("1", value(edited(with_many, true), "A299"));
}

TEST(entries_that_are_none_are_as_good_as_nothing) {
	char *odd[] = {FILTER, LIBRARY, "ALLOCSTATS_ONLY_WITH=\x1f\x1fNOTHING\x1f=\x1fX=1\x1f", NULL};
	CHECK_STRING("1", value(edited(odd, true), "X"));
	CHECK_STRING("/gem/" EXEC_FILTER_FILE, value(edited(odd, false), "LD_PRELOAD"));
}

TEST(an_environment_that_grew_meanwhile_is_left_alone) {
	char *before[] = {FILTER, LIBRARY, TOLD, HAD, "HOME=/", NULL}, *room[100];
	for (size_t size = 0; size < edited_environment_room(before) - 1; size++) {
		char *const *after = edited_environment(room, size, before, true);
		CHECK(after == before || value(after, "X")[0] == '1');
	}
	CHECK(edited_environment(room, 1, before, true) == before);
	CHECK(edited_environment(room, edited_environment_room(before), before, true) == room);
}
