#define _GNU_SOURCE
#include "testing.h"

#include "heap_profile/hooks.h"
#include "heap_profile/profile.h"
#include "heap_profile/redirection.h"
#include "private_heap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct heap_profile_settings every_block = {.interval = 1, .limit = 1000};

static uint64_t live_samples(void) {
	struct heap_profile_copy copy;
	if (heap_profile_read(&copy) != STATUS_OK) return UINT64_MAX;
	uint64_t samples = copy.live_samples;
	heap_profile_copy_free(&copy);
	return samples;
}

static void *block_at(uintptr_t address) {
	return (void *)address;
}

static void born(uintptr_t address, uint64_t size, uintptr_t caller) {
	heap_profile_born(block_at(address), size, caller);
}

TEST(what_is_born_lives_until_it_dies) {
	uint64_t held = private_held(PRIVATE_heap_profile);
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&every_block));
	errno = 77;
	for (uintptr_t i = 1; i <= 100; i++) born(i * 64, 1000, 0x1234);
	CHECK_EQUAL(100, live_samples());
	struct live_sample sample;
	CHECK(heap_profile_dies(block_at(64), &sample));
	CHECK_EQUAL(1000, sample.size);
	CHECK(!heap_profile_dies(block_at(64), NULL));
	heap_profile_lives_on(&sample);
	CHECK_EQUAL(77, errno);

	struct heap_profile_copy copy;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_read(&copy));
	CHECK_EQUAL(100, copy.live_samples);
	CHECK_EQUAL(1, copy.site_count);
	CHECK_EQUAL(STACK_NO_GVL, copy.sites[0].kind);
	CHECK_EQUAL(0x1234, copy.sites[0].caller);
	CHECK_EQUAL(100, copy.sites[0].born.samples);
	CHECK_EQUAL(100000, (uint64_t)copy.sites[0].born.bytes);
	heap_profile_copy_free(&copy);
	heap_profile_end();
	CHECK_EQUAL(held, private_held(PRIVATE_heap_profile));
}

TEST(a_copy_tells_what_was_born_after_the_one_before) {
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&every_block));
	born(64, 10, 0);
	uint64_t first = live_samples();
	born(128, 10, 0);
	struct heap_profile_copy copy;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_read(&copy));
	CHECK_EQUAL(1, first);
	CHECK_EQUAL(2, copy.number);
	REQUIRE_EQUAL(2, copy.row_count);
	CHECK_EQUAL(1, copy.rows[0].birth + copy.rows[1].birth);
	heap_profile_copy_free(&copy);
	heap_profile_end();
}

TEST(what_does_not_fit_is_counted) {
	struct heap_profile_settings small = every_block;
	small.limit = 10;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&small));
	for (uintptr_t i = 1; i <= 25; i++) born(i * 64, 100, 0);
	struct heap_profile_copy copy;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_read(&copy));
	CHECK_EQUAL(10, copy.live_samples);
	CHECK_EQUAL(15, copy.dropped.samples);
	CHECK_EQUAL(1500, (uint64_t)copy.dropped.bytes);
	heap_profile_copy_free(&copy);
	heap_profile_end();
}

TEST(settings_out_of_bounds_are_refused) {
	struct heap_profile_settings settings = every_block;
	settings.interval = 0;
	CHECK_EQUAL(STATUS_INVALID_VALUE, heap_profile_begin(&settings));
	settings.interval = UINT64_C(1) << 63;
	CHECK_EQUAL(STATUS_INVALID_VALUE, heap_profile_begin(&settings));
	settings = every_block;
	settings.limit = 0;
	CHECK_EQUAL(STATUS_INVALID_VALUE, heap_profile_begin(&settings));
	CHECK(!heap_profile_on());
}

TEST(nothing_is_read_where_no_profile_is_on) {
	CHECK_EQUAL(UINT64_MAX, live_samples());
	born(64, 100, 0);
	CHECK(!heap_profile_dies(block_at(64), NULL));
}

static void *churn(void *seed) {
	for (uintptr_t i = 0; i < 3000; i++) {
		uintptr_t block = ((uintptr_t)seed << 32) + i % 50 * 64;
		born(block, 100, (uintptr_t)seed);
		heap_profile_dies(block_at(block), NULL);
	}
	return NULL;
}

TEST(threads_share_a_profile) {
	pthread_t threads[8];
	struct heap_profile_settings settings = every_block;
	settings.limit = 1 << 16;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&settings));
	for (uintptr_t i = 0; i < 8; i++) pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
	struct heap_profile_copy copy;
	REQUIRE_EQUAL(STATUS_OK, heap_profile_read(&copy));
	CHECK_EQUAL(0, copy.live_samples);
	CHECK_EQUAL(8, copy.site_count);
	for (uint32_t i = 0; i < copy.site_count; i++) CHECK_EQUAL(3000, copy.sites[i].born.samples);
	heap_profile_copy_free(&copy);
	heap_profile_end();
}

TEST(a_child_goes_on_with_its_copy) {
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&every_block));
	born(64, 100, 0);
	pid_t child = fork();
	if (child == 0) {
		born(128, 100, 0);
		_exit(live_samples() == 2 && heap_profile_dies(block_at(64), NULL) && live_samples() == 1 ? 0 : 1);
	}
	int status = -1;
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_EQUAL(0, status);
	CHECK_EQUAL(1, live_samples());
	heap_profile_end();
}

/* The C library is the one object here whose calls can be redirected: strdup is a call of malloc through its table. */
static uint64_t sampled_strdups(char *copies[], int count) {
	for (int i = 0; i < count; i++) copies[i] = strdup("a string of some length");
	return live_samples();
}

TEST(calls_of_malloc_lead_here_and_no_longer_when_it_is_over) {
	struct redirection redirection;
	char *copies[10];
	REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&every_block));
	enum status status = redirection_begin(NULL, &redirection);
	if (status == STATUS_UNSUPPORTED) {
		heap_profile_end();
		CHECK(redirection.refusal[0] != '\0');
		SKIP(redirection.refusal);
	}
	CHECK(redirection.objects >= 1 && redirection.slots >= 1);
	uint64_t samples = sampled_strdups(copies, 10);
	CHECK(samples >= 10);
	/* this program's own table is left alone, so what it frees stays in the profile: only the library's calls count
	 */
	for (int i = 0; i < 10; i++) free(copies[i]);
	struct redirection again;
	CHECK_EQUAL(STATUS_OK, redirection_follow(&again));
	CHECK_EQUAL(redirection.slots, again.slots);
	redirection_end(&again);
	CHECK_EQUAL(0, again.slots);
	CHECK_EQUAL(0, again.changed);
	uint64_t after = live_samples();
	for (int i = 0; i < 10; i++) free(strdup("another string of some length"));
	CHECK_EQUAL(after, live_samples());
	heap_profile_end();
}

TEST(on_and_off_leaves_nothing_behind) {
	uint64_t held = private_held(PRIVATE_heap_profile);
	struct redirection redirection;
	for (int i = 0; i < 200; i++) {
		REQUIRE_EQUAL(STATUS_OK, heap_profile_begin(&every_block));
		redirection_begin(NULL, &redirection);
		free(strdup("a string"));
		redirection_end(&redirection);
		CHECK_EQUAL(0, redirection.changed);
		heap_profile_end();
	}
	CHECK_EQUAL(held, private_held(PRIVATE_heap_profile));
}

TEST(the_range_of_an_object_holds_its_code) {
	uintptr_t start, end;
	REQUIRE(redirection_object_range((const void *)(uintptr_t)testing_enter, &start, &end));
	CHECK(start <= (uintptr_t)testing_enter && (uintptr_t)testing_enter < end);
	CHECK(!redirection_object_range((const void *)16, &start, &end));
}
