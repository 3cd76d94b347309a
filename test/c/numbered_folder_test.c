#define _GNU_SOURCE
#include "testing.h"

#include "kernel/numbered_folder.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

TEST(all_numbers_of_a_folder_are_given_once_and_nothing_else) {
	enum { NUMBERS = 60 };
	unsigned seen[NUMBERS + 1] = {0};
	for (int number = 1; number <= NUMBERS; number++) {
		char path[64];
		snprintf(path, sizeof path, "proc/%d", number);
		testing_file(path, "");
	}
	testing_file("proc/self", "");
	testing_file("proc/12a", "");
	char folder_path[512];
	snprintf(folder_path, sizeof folder_path, "%s/proc", testing_tree());

	struct numbered_folder folder;
	REQUIRE(numbered_folder_open(&folder, folder_path));
	int64_t number;
	while ((number = numbered_folder_next(&folder)))
		if (CHECK(number <= NUMBERS)) seen[number]++;
	CHECK_EQUAL(0, folder.error);
	numbered_folder_close(&folder);
	for (int i = 1; i <= NUMBERS; i++) CHECK_EQUAL(1, seen[i]);
}

TEST(a_folder_with_more_entries_than_the_buffer_holds) {
	struct numbered_folder folder;
	bool found = false;
	REQUIRE(numbered_folder_open(&folder, "/proc"));
	for (int64_t number; (number = numbered_folder_next(&folder));) found |= number == getpid();
	CHECK_EQUAL(0, folder.error);
	CHECK(found);
	numbered_folder_close(&folder);
}

TEST(a_folder_that_is_not_there_has_no_numbers) {
	struct numbered_folder folder;
	CHECK(!numbered_folder_open(&folder, "/proc/0"));
	CHECK_EQUAL(ENOENT, folder.error);
	CHECK_EQUAL(0, numbered_folder_next(&folder));
	numbered_folder_close(&folder);
}
