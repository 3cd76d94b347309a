#define _GNU_SOURCE
#include "kernel/statm.h"
#include "process_generation.h"
#include "testing.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool parses(const char *text, uint64_t page) {
	uint64_t size, resident;
	return statm_parse(text, page, &size, &resident);
}

TEST(two_numbers_of_pages_become_bytes) {
	uint64_t size, resident;
	REQUIRE(statm_parse("12 3 1 1 0 1 0\n", 4096, &size, &resident));
	CHECK_EQUAL(12 * 4096, size);
	CHECK_EQUAL(3 * 4096, resident);
}

TEST(odd_statm_is_refused) {
	const char *odd[] = {"", "12", "12 ", "x 3", "12 x", "-1 3", "12\t3", "12 3x", " 12 3",
		"99999999999999999999 3", "18446744073709551615 3"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (!CHECK(!parses(odd[i], 4096))) testing_check(false, odd[i], __FILE__, __LINE__);
}

TEST(own_statm_is_read) {
	uint64_t size, resident;
	process_generation_init();
	REQUIRE(statm_read(&size, &resident));
	CHECK(resident > 0);
	CHECK(size >= resident);
}

TEST(a_kept_descriptor_that_was_closed_is_replaced) {
	uint64_t size, resident;
	REQUIRE(statm_read(&size, &resident));
	for (int descriptor = 3; descriptor < 64; descriptor++) close(descriptor);
	CHECK(statm_read(&size, &resident));
	CHECK(resident > 0);
}

TEST(another_file_under_the_kept_number_is_not_taken_for_statm) {
	uint64_t size, resident;
	REQUIRE(statm_read(&size, &resident));
	const char *path = testing_file("numbers", "77 77 77 77 77 77 77\n");
	for (int descriptor = 3; descriptor < 64; descriptor++)
		if (fcntl(descriptor, F_GETFD) >= 0) {
			int other = open(path, O_RDONLY | O_CLOEXEC);
			REQUIRE(other >= 0);
			dup2(other, descriptor);
			if (other != descriptor) close(other);
		}
	REQUIRE(statm_read(&size, &resident));
	CHECK(size != 77 * (uint64_t)sysconf(_SC_PAGESIZE));
	CHECK(size > resident);
}

TEST(a_full_descriptor_table_is_told_and_not_guessed) {
	struct rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	pid_t child = fork();
	if (child == 0) {
		uint64_t size, resident;
		struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
		setrlimit(RLIMIT_NOFILE, &none);
		_exit(statm_read(&size, &resident) ? 1 : 0);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK_EQUAL(0, status);
}

TEST(a_child_reads_its_own) {
	uint64_t size, resident;
	REQUIRE(statm_read(&size, &resident));
	pid_t child = fork();
	if (child == 0) {
		uint64_t before, after;
		if (!statm_read(&size, &before)) _exit(1);
		enum { TOUCHED = 32 * 1024 * 1024 };
		static char block[TOUCHED];
		for (size_t i = 0; i < TOUCHED; i += 4096) ((volatile char *)block)[i] = 1;
		if (!statm_read(&size, &after)) _exit(2);
		_exit(after >= before + TOUCHED / 2 ? 0 : 3);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK_EQUAL(0, status);
	uint64_t now;
	REQUIRE(statm_read(&size, &now));
	CHECK(now < resident + 16 * 1024 * 1024);
}
