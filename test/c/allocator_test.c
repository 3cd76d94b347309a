/* What the contract in allocator.h demands of every line of allocators.def, whichever runs this program. */
#define _GNU_SOURCE
#include "allocator.h"
#include "ownership.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

#define EVERY_FIGURE (((figure_mask)1 << FIGURE_COUNT) - 1)

TEST(every_allocator_fulfils_the_form_of_the_contract) {
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++) {
		const struct allocator *allocator = allocators[i];
		bool held = CHECK(allocator->name && *allocator->name);
		held &= CHECK(allocator->bind != NULL);
		held &= CHECK((allocator->stats_dump == NULL) == (allocator->stats_dump_format == NULL));
		held &= CHECK((allocator->sample == NULL) == (allocator->figures == 0));
		held &= CHECK((allocator->figures & ~EVERY_FIGURE) == 0);
		held &= CHECK((allocator->figures & PROCESS_FIGURES) == 0);
		if (!held) testing_check(false, allocator->name, __FILE__, __LINE__);
	}
}

TEST(names_and_marks_are_not_shared) {
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		for (size_t j = i + 1; j < ALLOCATOR_COUNT; j++) {
			CHECK(strcmp(allocators[i]->name, allocators[j]->name) != 0);
			if (allocators[i]->mark && allocators[j]->mark)
				CHECK(strcmp(allocators[i]->mark, allocators[j]->mark) != 0);
		}
}

TEST(unknown_is_tried_last_and_takes_anything) {
	struct loaded_object nobody = {0};
	CHECK_STRING("unknown", allocators[ALLOCATOR_COUNT - 1]->name);
	CHECK(allocators[ALLOCATOR_COUNT - 1]->bind(&nobody));
}

TEST(an_owner_without_symbols_is_no_known_allocator) {
	struct loaded_object nobody = {0};
	for (size_t i = 0; i < ALLOCATOR_COUNT - 1; i++)
		if (allocators[i] != allocator_current()) CHECK(!allocators[i]->bind(&nobody));
}

TEST(a_sample_holds_only_figures_that_its_allocator_declares) {
	struct sample sample;
	memset(&sample, 0xff, sizeof sample);
	allocator_sample(&sample);
	CHECK((sample.present & ~(allocator_current()->figures | PROCESS_FIGURES)) == 0);
	CHECK(sample_has(&sample, FIGURE_rss));
	CHECK(sample_has(&sample, FIGURE_minor_faults));
	CHECK(!sample_has(&sample, FIGURE_ruby_heap_pages));
}

TEST(the_running_version_and_stats_dump_are_told_where_the_slots_are) {
	const struct allocator *allocator = allocator_current();
	char version[64] = "";
	if (allocator->version) {
		CHECK(allocator->version(version, sizeof version));
		CHECK(version[0] >= '0' && version[0] <= '9');
	}
	if (allocator->stats_dump) {
		struct text text = {0};
		CHECK_EQUAL(STATUS_OK, allocator->stats_dump(&text));
		CHECK(text.length > 0 && text.length == strlen(text.bytes));
		text_free(&text);
	}
}

TEST(a_block_of_malloc_is_not_refuted) {
	const struct allocator *allocator = allocator_current();
	if (!allocator->prove) SKIP("the allocator that runs this program cannot tell its own blocks");
	CHECK_EQUAL(PROOF_CONFIRMED, allocator->prove(malloc, free));
}
