#define _GNU_SOURCE
#include "testing.h"

#include "kernel/process_stat.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST " 15 15 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 123456 1000 10 18446744073709551615 1 1"

TEST(a_stat_is_read_whatever_the_program_is_called) {
	static const char *const names[] = {"ruby", "a b", ")", "x) S 1 (y", "", "(((", "a\nb"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[256];
		struct process_stat stat;
		snprintf(text, sizeof text, "4711 (%s) S 17" REST "\n", names[i]);
		REQUIRE(process_stat_parse(text, &stat));
		CHECK_EQUAL(4711, process_number(stat.identity));
		CHECK_EQUAL(123456, stat.identity >> PROCESS_NUMBER_BITS);
		CHECK_EQUAL(17, stat.parent);
		CHECK_EQUAL('S', stat.state);
	}
}

TEST(what_is_no_stat_is_refused) {
	static const char *const texts[] = {"", "4711", "4711 (ruby)", "4711 (ruby) ", "4711 (ruby) S",
		"4711 (ruby) S 17", "4711 (ruby) S x" REST, "(ruby) S 17" REST, "0 (ruby) S 17" REST,
		"4194304 (ruby) S 17" REST, "4711 (ruby) S 4194304" REST, "4711 (ruby S 17" REST,
		"4711 (ruby) S 17 15 15 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 4398046511104 1"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct process_stat stat;
		CHECK(!process_stat_parse(texts[i], &stat));
	}
}

TEST(this_process_knows_itself_and_is_alive) {
	process_identity self = process_identity_of_self();
	struct process_stat stat;
	REQUIRE(self != 0);
	CHECK_EQUAL(getpid(), process_number(self));
	REQUIRE(process_stat_read(getpid(), &stat));
	CHECK_EQUAL(self, stat.identity);
	CHECK_EQUAL(getppid(), stat.parent);
	CHECK(process_is_alive(self));
}

TEST(another_process_under_the_same_number_is_not_taken_for_it) {
	process_identity self = process_identity_of_self();
	CHECK(!process_is_alive(self + ((process_identity)1 << PROCESS_NUMBER_BITS)));
	CHECK(!process_is_alive(0));
}

TEST(a_process_that_was_killed_is_not_alive_before_it_is_waited_for_nor_after) {
	pid_t child = fork();
	if (child == 0)
		for (;;) pause();
	struct process_stat stat;
	REQUIRE(process_stat_read(child, &stat));
	CHECK(process_is_alive(stat.identity));
	kill(child, SIGKILL);
	siginfo_t ended;
	waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT);
	CHECK(!process_is_alive(stat.identity));
	waitpid(child, NULL, 0);
	CHECK(!process_is_alive(stat.identity));
	CHECK(!process_stat_read(child, &stat));
}
