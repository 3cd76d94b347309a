#include "testing.h"

#include "heap_profile/hooks.h"
#include "heap_profile/id_index.h"
#include "heap_profile/live_table.h"
#include "heap_profile/pool.h"
#include "heap_profile/sampling.h"
#include "heap_profile/stack_table.h"
#include "private_heap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct live_sample sample_at(uintptr_t block) {
	return (struct live_sample){.block = block, .size = block & 0xffff, .site = (uint32_t)(block >> 4)};
}

/* Against a plain array: thousands of additions and removals in a random order, with growth between. */
TEST(the_live_table_is_what_was_added_less_what_was_removed) {
	enum { BLOCKS = 5000, STEPS = 60000 };
	static bool there[BLOCKS];
	memset(there, 0, sizeof there);
	struct live_table table;
	REQUIRE(live_table_init(&table, 1 << 20));
	uint64_t random = 42;
	size_t count = 0, wrong = 0;
	for (int i = 0; i < STEPS; i++) {
		random = mix_bits(random + 1);
		size_t which = (size_t)(random % BLOCKS);
		uintptr_t block = 0x7f0000000000u + which * 48;
		struct live_sample sample = sample_at(block), removed = {0};
		if (there[which]) {
			wrong += !live_table_remove(&table, (void *)block, &removed) || removed.site != sample.site;
			there[which] = false;
			count--;
		} else {
			wrong += live_table_remove(&table, (void *)block, NULL);
			wrong += !live_table_add(&table, &sample);
			there[which] = true;
			count++;
		}
		wrong += there[which] && !may_be_sampled((void *)block);
	}
	CHECK_EQUAL(0, wrong);
	CHECK_EQUAL(count, table.count);
	for (size_t which = 0; which < BLOCKS; which++)
		if (there[which]) wrong += !live_table_remove(&table, (void *)(0x7f0000000000u + which * 48), NULL);
	CHECK_EQUAL(0, wrong);
	CHECK_EQUAL(0, table.count);
	uint64_t bits = 0;
	for (size_t i = 0; i < FILTER_WORDS; i++) bits |= heap_profile_filter[i];
	CHECK_EQUAL(0, bits);
	live_table_clear(&table);
}

TEST(a_full_live_table_says_so) {
	struct live_table table;
	REQUIRE(live_table_init(&table, 3));
	for (uintptr_t block = 16; block <= 48; block += 16) {
		struct live_sample sample = sample_at(block);
		CHECK(live_table_add(&table, &sample));
	}
	struct live_sample fourth = sample_at(64), again = sample_at(48);
	CHECK(!live_table_add(&table, &fourth));
	again.site = 7;
	CHECK(live_table_add(&table, &again));
	struct live_sample removed;
	CHECK(live_table_remove(&table, (void *)48, &removed));
	CHECK_EQUAL(7, removed.site);
	CHECK(live_table_add(&table, &fourth));
	live_table_clear(&table);
}

TEST(what_the_tables_took_they_give_back) {
	uint64_t before = private_held(PRIVATE_heap_profile);
	struct live_table table;
	REQUIRE(live_table_init(&table, 1 << 20));
	for (uintptr_t block = 16; block < 100000; block += 16) {
		struct live_sample sample = sample_at(block);
		live_table_add(&table, &sample);
	}
	CHECK(private_held(PRIVATE_heap_profile) > before);
	live_table_clear(&table);
	CHECK_EQUAL(before, private_held(PRIVATE_heap_profile));
}

TEST(an_index_finds_each_key_and_no_other) {
	struct id_index index = {0};
	CHECK_EQUAL(NO_ID, id_index_find(&index, 1));
	for (uint32_t i = 0; i < 10000; i++) REQUIRE(id_index_add(&index, mix_bits(i), i));
	size_t wrong = 0;
	for (uint32_t i = 0; i < 10000; i++) wrong += id_index_find(&index, mix_bits(i)) != i;
	for (uint32_t i = 10000; i < 20000; i++) wrong += id_index_find(&index, mix_bits(i)) != NO_ID;
	CHECK_EQUAL(0, wrong);
	id_index_clear(&index);
}

TEST(a_pool_keeps_its_records_where_they_are) {
	struct pool pool = {.record_bytes = sizeof(uint64_t), .limit = 3 * POOL_CHUNK};
	uint64_t *first = pool_at(&pool, pool_add(&pool));
	*first = 17;
	for (uint32_t i = 1; i < 3 * POOL_CHUNK; i++) REQUIRE_EQUAL(i, pool_add(&pool));
	CHECK_EQUAL(POOL_FULL, pool_add(&pool));
	CHECK(first == pool_at(&pool, 0));
	CHECK_EQUAL(17, *first);
	pool_clear(&pool);
	CHECK_EQUAL(0, pool.count);
}

static void describe(struct stack *stack, uint32_t depth, int line) {
	stack->kind = STACK_FRAMES;
	stack->cut = false;
	stack->caller = 0;
	stack->thread = 0;
	stack->depth = depth;
	for (uint32_t i = 0; i < depth; i++) {
		stack->frames[i] = 0x1000 + (uintptr_t)i * 40;
		stack->lines[i] = i == 0 ? line : 3;
	}
}

TEST(a_stack_is_kept_once_and_shares_its_outer_frames) {
	static struct stack stack;
	static struct stack_table table;
	stack_table_init(&table);
	describe(&stack, 100, 1);
	uint32_t one = stack_table_site(&table, &stack);
	describe(&stack, 100, 2);
	uint32_t two = stack_table_site(&table, &stack);
	CHECK(one != two);
	describe(&stack, 100, 1);
	CHECK_EQUAL(one, stack_table_site(&table, &stack));
	CHECK_EQUAL(101, table.nodes.count);
	CHECK_EQUAL(101, table.frames.count);
	stack.thread = 1;
	CHECK(stack_table_site(&table, &stack) > two);
	stack.kind = STACK_NO_GVL;
	stack.depth = 0;
	const struct site *site = pool_at(&table.sites, stack_table_site(&table, &stack));
	CHECK_EQUAL(NO_ID, site->node);
	stack_table_clear(&table);
}

TEST(as_many_threads_as_there_may_be_share_the_last_row) {
	static struct stack_table table;
	stack_table_init(&table);
	uint32_t last = 0;
	for (int i = 0; i < 5000; i++) last = stack_table_thread(&table);
	CHECK_EQUAL(table.threads.count - 1, last);
	stack_table_clear(&table);
}

/* 500 sums of 20,000 blocks: their mean is the truth, and their spread is what the variance says. */
TEST(sums_of_samples_are_unbiased_and_know_their_error) {
	static const uint64_t sizes[] = {16, 100, 4096, 70000, 1 << 20};
	for (size_t which = 0; which < sizeof sizes / sizeof *sizes; which++) {
		uint64_t random = 12345 + which, size = sizes[which];
		double interval = 65536, truth = 20000.0 * (double)size, sum = 0, squares = 0, variance = 0;
		uint64_t left = sampling_gap(&random, interval);
		for (int round = 0; round < 500; round++) {
			struct estimate estimate = {0};
			for (int i = 0; i < 20000; i++) {
				if (size <= left) {
					left -= size;
					continue;
				}
				left = sampling_gap(&random, interval);
				estimate_add(&estimate, size, interval);
			}
			sum += estimate.bytes;
			squares += (estimate.bytes - truth) * (estimate.bytes - truth);
			variance += estimate.bytes_variance;
		}
		double error = sqrt(variance / 500);
		CHECK(fabs(sum / 500 - truth) < 4 * error / sqrt(500) + 1e-6 * truth);
		CHECK(error < truth * 1e-6 || fabs(sqrt(squares / 500) / error - 1) < 0.1);
	}
}
