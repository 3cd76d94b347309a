/*
 * The tests of the core, in C. A file test/c/<part>_test.c holds tests of one part; rake finds it by its name:
 *
 *	#include "testing.h"
 *	#include "sample.h"
 *
 *	TEST(a_figure_that_was_not_set_is_absent) {
 *		struct sample sample = {0};
 *		CHECK(!sample_has(&sample, FIGURE_rss));
 *	}
 *
 * A failed CHECK is told and the test goes on; a failed REQUIRE is told and ends the test; SKIP ends it as not run, and
 * says why. REQUIRE and SKIP return from the function they stand in, so they belong into the test itself.
 */
#ifndef ALLOCSTATS_TESTING_H
#define ALLOCSTATS_TESTING_H

#include <stdbool.h>
#include <stdint.h>

struct test {
	const char *file, *name;
	void (*run)(void);
	struct test *next;
};

/* Every TEST enters itself before main runs: there is no second list to keep. */
void testing_enter(struct test *test);

#define TEST(title)                                                                                                    \
	static void test_##title(void);                                                                                \
	static struct test entry_of_##title = {__FILE__, #title, test_##title, NULL};                                  \
	__attribute__((constructor)) static void enter_##title(void) {                                                 \
		testing_enter(&entry_of_##title);                                                                      \
	}                                                                                                              \
	static void test_##title(void)

/* Each answers whether it held. Integers of any type are compared as 64 bits, sign-extended where they are signed. */
bool testing_check(bool held, const char *claim, const char *file, int line);
bool testing_check_equal(uint64_t expected, uint64_t actual, const char *claim, const char *file, int line);
bool testing_check_string(const char *expected, const char *actual, const char *claim, const char *file, int line);
void testing_skip(const char *reason);

#define CHECK(claim) testing_check((claim), #claim, __FILE__, __LINE__)
#define CHECK_EQUAL(expected, actual)                                                                                  \
	testing_check_equal((uint64_t)(expected), (uint64_t)(actual), #actual, __FILE__, __LINE__)
#define CHECK_STRING(expected, actual) testing_check_string((expected), (actual), #actual, __FILE__, __LINE__)

#define REQUIRE(claim)                                                                                                 \
	do {                                                                                                           \
		if (!CHECK(claim)) return;                                                                             \
	} while (0)
#define REQUIRE_EQUAL(expected, actual)                                                                                \
	do {                                                                                                           \
		if (!CHECK_EQUAL(expected, actual)) return;                                                            \
	} while (0)
#define SKIP(reason)                                                                                                   \
	do {                                                                                                           \
		testing_skip(reason);                                                                                  \
		return;                                                                                                \
	} while (0)

/*
 * A made tree: files laid out as /proc or a cgroup would have them, for readers that take a folder. testing_tree is an
 * empty folder, the same one throughout a test, removed after it. testing_file writes `content` at a path below it,
 * making the folders between ("cgroup/app/memory.max"), and answers the whole path, which lives until the test ends.
 */
const char *testing_tree(void);
const char *testing_file(const char *path, const char *content);

#endif
