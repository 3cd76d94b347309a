#include "gate/passage.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define GATE "LD_PRELOAD=/gem/" GATE_FILE
#define LIBRARY "ALLOCSTATS_ONLY_LIBRARY=/lib/libjemalloc.so.2"
#define TOLD "ALLOCSTATS_ONLY_WITH=MALLOC_CONF=narenas:1,narenas:9\x1fX=1"
#define HAD "ALLOCSTATS_ONLY_WITHOUT=MALLOC_CONF=narenas:9"

static struct passage passage;

static const char *value(char *const environment[], const char *name) {
	const char *found = environment_value(environment, name);
	return found ? found : "absent";
}

TEST(a_program_that_it_is_meant_for_gets_it) {
	char *before[] = {GATE ":libm.so.6", LIBRARY, TOLD, HAD, "HOME=/", "MALLOC_CONF=narenas:9", NULL};
	char *const *after = passage_edit(&passage, before, true);
	CHECK_STRING("/lib/libjemalloc.so.2:/gem/" GATE_FILE ":libm.so.6", value(after, "LD_PRELOAD"));
	CHECK_STRING("narenas:1,narenas:9", value(after, "MALLOC_CONF"));
	CHECK_STRING("1", value(after, "X"));
	CHECK_STRING("/", value(after, "HOME"));
}

TEST(another_program_is_spared_and_has_what_was_there) {
	char *before[] = {"LD_PRELOAD=/lib/libjemalloc.so.2:/gem/" GATE_FILE, LIBRARY, TOLD, HAD, "X=1",
		"MALLOC_CONF=narenas:1,narenas:9", NULL};
	char *const *after = passage_edit(&passage, before, false);
	CHECK_STRING("/gem/" GATE_FILE, value(after, "LD_PRELOAD"));
	CHECK_STRING("narenas:9", value(after, "MALLOC_CONF"));
	CHECK_STRING("absent", value(after, "X"));
}

TEST(there_and_back_is_the_same) {
	char *start[] = {GATE, LIBRARY, TOLD, HAD, "MALLOC_CONF=narenas:9", NULL};
	static struct passage there, back;
	char *const *with = passage_edit(&there, start, true);
	char *const *again = passage_edit(&passage, with, true);
	char *const *without = passage_edit(&back, with, false);
	CHECK_STRING(value(with, "LD_PRELOAD"), value(again, "LD_PRELOAD"));
	CHECK_STRING("/gem/" GATE_FILE, value(without, "LD_PRELOAD"));
	CHECK_STRING("narenas:9", value(without, "MALLOC_CONF"));
}

TEST(what_was_changed_on_the_way_stays) {
	char *before[] = {GATE, LIBRARY, TOLD, HAD, "MALLOC_CONF=tcache:false", "X=2", NULL};
	CHECK_STRING("tcache:false", value(passage_edit(&passage, before, true), "MALLOC_CONF"));
	CHECK_STRING("2", value(passage_edit(&passage, before, false), "X"));
}

TEST(the_library_is_found_in_any_place_of_the_list) {
	const char *lists[] = {
		"/l.so:/" GATE_FILE, "/" GATE_FILE ":/l.so", "/" GATE_FILE " /l.so  /m.so", "::/l.so:/" GATE_FILE};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char preload[200];
		snprintf(preload, sizeof preload, "LD_PRELOAD=%s", lists[i]);
		char *before[] = {preload, "ALLOCSTATS_ONLY_LIBRARY=/l.so", NULL};
		CHECK(!strstr(value(passage_edit(&passage, before, false), "LD_PRELOAD"), "l.so:"));
		CHECK_STRING(lists[i], value(passage_edit(&passage, before, true), "LD_PRELOAD"));
	}
	char *other[] = {"LD_PRELOAD=/l.so.2:/" GATE_FILE, "ALLOCSTATS_ONLY_LIBRARY=/l.so", NULL};
	CHECK_STRING("/l.so:/l.so.2:/" GATE_FILE, value(passage_edit(&passage, other, true), "LD_PRELOAD"));
}

TEST(an_allocator_without_a_library_has_variables_alone) {
	char *before[] = {GATE, "ALLOCSTATS_ONLY_LIBRARY=", "ALLOCSTATS_ONLY_WITH=MALLOC_ARENA_MAX=2", NULL};
	char *const *after = passage_edit(&passage, before, true);
	CHECK_STRING("/gem/" GATE_FILE, value(after, "LD_PRELOAD"));
	CHECK_STRING("2", value(after, "MALLOC_ARENA_MAX"));
	CHECK_STRING("absent", value(passage_edit(&passage, before, false), "MALLOC_ARENA_MAX"));
}

TEST(what_has_no_gate_or_says_nothing_is_left_alone) {
	char *no_gate[] = {"LD_PRELOAD=/x.so", LIBRARY, TOLD, NULL}, *no_preload[] = {LIBRARY, NULL},
	     *nothing[] = {GATE, NULL};
	char *empty[] = {NULL}, *odd[] = {GATE, "", "=", "NOTHING", "LD_PRELOAD", LIBRARY, NULL};
	CHECK(passage_edit(&passage, no_gate, true) == no_gate);
	CHECK(passage_edit(&passage, no_preload, true) == no_preload);
	CHECK(passage_edit(&passage, nothing, false) == nothing);
	CHECK(passage_edit(&passage, empty, false) == empty);
	CHECK_STRING("NOTHING", passage_edit(&passage, odd, true)[3]);
}

TEST(what_does_not_fit_is_left_alone) {
	static char *many[MOST_VARIABLES + 2], long_with[MOST_BYTES + 100], long_list[MOST_BYTES + 100], entries[400];
	for (size_t i = 0; i <= MOST_VARIABLES; i++) many[i] = "A=1";
	many[0] = GATE;
	many[1] = LIBRARY;
	CHECK(passage_edit(&passage, many, true) == many);
	many[MOST_VARIABLES] = NULL;
	CHECK(passage_edit(&passage, many, true) == passage.environment);

	memset(long_with, 'x', sizeof long_with - 1);
	memcpy(long_with, "ALLOCSTATS_ONLY_WITH=", 21);
	char *too_long[] = {GATE, LIBRARY, long_with, NULL};
	CHECK(passage_edit(&passage, too_long, true) == too_long);

	memset(long_list, 'x', sizeof long_list - 1);
	memcpy(long_list, GATE ":", strlen(GATE) + 1);
	char *too_many[] = {long_list, LIBRARY, NULL};
	CHECK(passage_edit(&passage, too_many, true) == too_many);

	strcpy(entries, "ALLOCSTATS_ONLY_WITH=");
	for (int i = 0; i <= MOST_ADDED; i++) strcat(entries, "A=1\x1f");
	char *too_much[] = {GATE, LIBRARY, entries, NULL};
	CHECK(passage_edit(&passage, too_much, true) == too_much);
}
