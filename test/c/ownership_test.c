#define _GNU_SOURCE
#include "allocator.h"
#include "ownership.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>

TEST(malloc_has_an_owner_that_is_loaded) {
	struct ownership ownership;
	REQUIRE_EQUAL(STATUS_OK, ownership_read(&ownership));
	int owner = ownership.owner[OWNED_malloc];
	CHECK(owner >= 0);
	if (owner >= 0) CHECK(ownership.objects[owner].path[0] == '/');
	if (owner >= 0) CHECK(owner_symbol(&ownership.objects[owner], "malloc") != NULL);
	ownership_free(&ownership);
}

TEST(a_symbol_of_a_dependency_is_not_taken_for_the_objects_own) {
	struct ownership ownership;
	REQUIRE_EQUAL(STATUS_OK, ownership_read(&ownership));
	/* the main program, whose handle would find every global symbol; under a sanitizer it owns malloc itself */
	struct loaded_object *libc = NULL;
	for (size_t i = 0; i < ownership.object_count; i++)
		if (ownership.objects[i].libc) libc = &ownership.objects[i];
	if (CHECK(libc != NULL)) {
		CHECK(owner_symbol(libc, "fopen") != NULL);
		CHECK(owner_symbol(libc, "testing_enter") == NULL);
		CHECK(owner_symbol(libc, "no_such_function_anywhere") == NULL);
	}
	ownership_free(&ownership);
}

static void count_names(const char *name, void *data) {
	(void)name;
	++*(int *)data;
}

TEST(loaded_objects_are_listed) {
	int count = 0;
	CHECK_EQUAL(STATUS_OK, ownership_each_loaded(count_names, &count));
	CHECK(count >= 1);
}

TEST(reading_twice_gives_the_same_owner) {
	struct loaded_object one, two;
	REQUIRE(ownership_of_malloc(&one));
	REQUIRE(ownership_of_malloc(&two));
	CHECK_EQUAL(one.base, two.base);
	CHECK_STRING(one.path, two.path);
	CHECK(allocator_current() == allocator_current());
	loaded_object_close(&one);
	loaded_object_close(&two);
}
