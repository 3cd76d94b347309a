#define _GNU_SOURCE
#include "kernel/statm.h"
#include "process_generation.h"
#include "testing.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool parses(const char *text, uint64_t page) {
	struct statm statm;
	return statm_parse(text, page, &statm);
}

TEST(three_numbers_of_pages_become_bytes) {
	struct statm statm;
	REQUIRE(statm_parse("12 3 1 1 0 1 0\n", 4096, &statm));
	CHECK_EQUAL(12 * 4096, statm.size);
	CHECK_EQUAL(3 * 4096, statm.resident);
	CHECK_EQUAL(1 * 4096, statm.shared);
}

TEST(odd_statm_is_refused) {
	const char *odd[] = {"", "12", "12 ", "x 3", "12 x", "-1 3", "12\t3", "12 3x", " 12 3", "12 3", "12 3 ",
		"12 3 x", "12 3 1x", "99999999999999999999 3 1", "18446744073709551615 3 1",
		"12 3 18446744073709551615"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		if (!CHECK(!parses(odd[i], 4096))) testing_check(false, odd[i], __FILE__, __LINE__);
}

TEST(own_statm_is_read) {
	struct statm statm;
	process_generation_init();
	REQUIRE(statm_read(&statm));
	CHECK(statm.resident > 0);
	CHECK(statm.size >= statm.resident);
}

TEST(a_kept_descriptor_that_was_closed_is_replaced) {
	struct statm statm;
	REQUIRE(statm_read(&statm));
	for (int descriptor = 3; descriptor < 64; descriptor++) close(descriptor);
	CHECK(statm_read(&statm));
	CHECK(statm.resident > 0);
}

TEST(another_file_under_the_kept_number_is_not_taken_for_statm) {
	struct statm statm;
	REQUIRE(statm_read(&statm));
	const char *path = testing_file("numbers", "77 77 77 77 77 77 77\n");
	for (int descriptor = 3; descriptor < 64; descriptor++)
		if (fcntl(descriptor, F_GETFD) >= 0) {
			int other = open(path, O_RDONLY | O_CLOEXEC);
			REQUIRE(other >= 0);
			dup2(other, descriptor);
			if (other != descriptor) close(other);
		}
	REQUIRE(statm_read(&statm));
	CHECK(statm.size != 77 * (uint64_t)sysconf(_SC_PAGESIZE));
	CHECK(statm.size > statm.resident);
}

TEST(a_full_descriptor_table_is_told_and_not_guessed) {
	struct rlimit before;
	getrlimit(RLIMIT_NOFILE, &before);
	pid_t child = fork();
	if (child == 0) {
		struct statm statm;
		struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
		setrlimit(RLIMIT_NOFILE, &none);
		_exit(statm_read(&statm) ? 1 : 0);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK_EQUAL(0, status);
}

TEST(a_child_reads_its_own) {
	struct statm statm;
	REQUIRE(statm_read(&statm));
	pid_t child = fork();
	if (child == 0) {
		struct statm before, after;
		if (!statm_read(&before)) _exit(1);
		enum { TOUCHED = 32 * 1024 * 1024 };
		static char block[TOUCHED];
		for (size_t i = 0; i < TOUCHED; i += 4096) ((volatile char *)block)[i] = 1;
		if (!statm_read(&after)) _exit(2);
		_exit(after.resident >= before.resident + TOUCHED / 2 ? 0 : 3);
	}
	int status;
	waitpid(child, &status, 0);
	CHECK_EQUAL(0, status);
	struct statm now;
	REQUIRE(statm_read(&now));
	CHECK(now.resident < statm.resident + 16 * 1024 * 1024);
}
