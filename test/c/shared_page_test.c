#define _GNU_SOURCE
#include "testing.h"

#include "private_heap.h"
#include "workers/page_request.h"
#include "workers/seat.h"
#include "workers/shared_page.h"
#include "workers/shared_page_layout.h"

#include <errno.h>
#include <fcntl.h>
#if __has_include(<linux/seccomp.h>)
#	include <linux/filter.h>
#	include <linux/seccomp.h>
#	include <stddef.h>
#	include <sys/prctl.h>
#	include <sys/syscall.h>
#endif
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Processes that the parent starts and ends. What they find out they say by their status: 0 is well. */
static pid_t in_child(int (*work)(void *), void *data) {
	pid_t child = fork();
	if (child == 0) _exit(work(data));
	return child;
}

static int ended(pid_t child) {
	int status;
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
	return WEXITSTATUS(status);
}

_Noreturn static void wait_to_be_killed(void) {
	for (;;) pause();
}

static void kill_and_wait(pid_t child) {
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static struct shared_page made_page(void) {
	struct shared_page page = {.descriptor = -1};
	shared_page_make(&page, process_identity_of_self());
	return page;
}

static struct seat taken_seat(struct shared_page *page, int32_t index) {
	struct seat seat;
	seat_take(&seat, page, process_identity_of_self(), index);
	return seat;
}

static struct history history;

TEST(a_page_takes_little_until_it_is_used) {
	struct shared_page page = made_page();
	REQUIRE(page.memory != NULL);
	for (unsigned i = 0; i < SHARED_PAGE_SLOTS; i++) CHECK_EQUAL(0, shared_page_owner(&page, i));
	CHECK_EQUAL(0, shared_page_owner(&page, SHARED_PAGE_SLOTS));
	shared_page_leave(&page);
	CHECK(page.memory == NULL);
	CHECK_EQUAL(-1, page.descriptor);
	shared_page_leave(&page);
}

TEST(nobody_can_cut_the_page_short) {
	struct shared_page page = made_page();
	REQUIRE(page.descriptor >= 0);
	CHECK_EQUAL(-1, ftruncate(page.descriptor, 0));
	CHECK_EQUAL(EPERM, errno);
	CHECK_EQUAL(-1, fcntl(page.descriptor, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK(fcntl(page.descriptor, F_GETFD) & FD_CLOEXEC);
	shared_page_leave(&page);
}

TEST(a_seat_is_read_by_all_as_its_owner_left_it) {
	struct shared_page page = made_page();
	struct seat seat = taken_seat(&page, 7);
	CHECK_EQUAL(0, seat.number);
	struct worker_report *report = seat_begin(&seat);
	report->samples = 42;
	strcpy(report->allocator, "jemalloc");
	struct history_point point = {.at = 1000, .rss = 1, .live = 2, .kept = 3};
	history_add(seat_history(&seat), &point);
	seat_end(&seat);

	struct worker_report read;
	process_identity owner;
	REQUIRE(shared_page_read(&page, 0, &owner, &read, &history));
	CHECK_EQUAL(process_identity_of_self(), owner);
	CHECK_EQUAL(7, read.index);
	CHECK_EQUAL(42, read.samples);
	CHECK_STRING("jemalloc", read.allocator);
	CHECK_EQUAL(HISTORY_ABSENT, read.slow.pss);
	CHECK_EQUAL(1, history.fine_count);
	seat_leave(&seat);
	CHECK(!shared_page_read(&page, 0, &owner, &read, NULL));
	CHECK(seat.slot == NULL);
	shared_page_leave(&page);
}

TEST(texts_that_have_no_end_are_ended) {
	struct shared_page page = made_page();
	struct seat seat = taken_seat(&page, 0);
	struct worker_report *report = seat_begin(&seat), read;
	memset(report->allocator, 'x', sizeof report->allocator);
	memset(report->answer.reason, 'y', sizeof report->answer.reason);
	seat_end(&seat);
	process_identity owner;
	REQUIRE(shared_page_read(&page, 0, &owner, &read, NULL));
	CHECK_EQUAL(sizeof read.allocator - 1, strlen(read.allocator));
	CHECK_EQUAL(sizeof read.answer.reason - 1, strlen(read.answer.reason));
	seat_leave(&seat);
	shared_page_leave(&page);
}

/* ---- dying ---- */

static int sit(void *data) {
	struct seat seat = taken_seat(data, 3);
	if (seat.number < 0) return 1;
	wait_to_be_killed();
}

static int die_writing(void *data) {
	struct seat seat = taken_seat(data, 3);
	seat_begin(&seat)->samples = 1;
	wait_to_be_killed();
}

static bool wait_for_owner(const struct shared_page *page, unsigned number) {
	for (int i = 0; i < 20000 && !shared_page_owner(page, number); i++) usleep(1000);
	return shared_page_owner(page, number) != 0;
}

TEST(the_slot_of_a_killed_worker_is_its_successors) {
	struct shared_page page = made_page();
	struct seat first = taken_seat(&page, 0);
	pid_t child = in_child(sit, &page);
	REQUIRE(wait_for_owner(&page, 1));
	struct seat other = taken_seat(&page, 9);
	CHECK_EQUAL(2, other.number); /* the child is alive */
	seat_leave(&other);
	kill_and_wait(child);
	CHECK(!process_is_alive(shared_page_owner(&page, 1)));
	other = taken_seat(&page, 9);
	CHECK_EQUAL(2, other.number); /* what nobody has is taken before what a dead one left */
	struct seat successor = taken_seat(&page, 3);
	CHECK_EQUAL(1, successor.number); /* the same index */
	seat_leave(&successor);
	seat_leave(&other);
	seat_leave(&first);
	shared_page_leave(&page);
}

TEST(who_dies_inside_of_writing_leaves_that_slot_unreadable_and_no_other) {
	struct shared_page page = made_page();
	struct seat seat = taken_seat(&page, 0);
	pid_t child = in_child(die_writing, &page);
	REQUIRE(wait_for_owner(&page, 1));
	usleep(20000);
	kill_and_wait(child);
	struct worker_report read;
	process_identity owner = 0;
	CHECK(shared_page_read(&page, 0, &owner, &read, NULL));
	bool readable = shared_page_read(&page, 1, &owner, &read, NULL);
	CHECK(!readable || read.samples == 0); /* killed before it began, on a slow machine */
	CHECK_EQUAL(child, process_number(owner));

	struct seat others[SHARED_PAGE_SLOTS];
	for (unsigned i = 0; i + 2 < SHARED_PAGE_SLOTS; i++) others[i] = taken_seat(&page, -1);
	struct seat last = taken_seat(&page, -1);
	CHECK_EQUAL(1, last.number);
	CHECK(shared_page_read(&page, 1, &owner, &read, NULL));
	CHECK_EQUAL(0, read.samples);
	for (unsigned i = 0; i + 2 < SHARED_PAGE_SLOTS; i++) seat_leave(&others[i]);
	seat_leave(&last);
	seat_leave(&seat);
	shared_page_leave(&page);
}

/* ---- a full page, and none ---- */

TEST(where_the_page_is_full_a_seat_is_outside_of_it) {
	struct shared_page page = made_page();
	struct seat seats[SHARED_PAGE_SLOTS];
	for (unsigned i = 0; i < SHARED_PAGE_SLOTS; i++) {
		seats[i] = taken_seat(&page, (int32_t)i);
		CHECK_EQUAL(i, seats[i].number);
	}
	uint64_t held = private_held(PRIVATE_history);
	struct seat one_more = taken_seat(&page, 4711);
	CHECK_EQUAL(-1, one_more.number);
	CHECK(private_held(PRIVATE_history) > held);
	struct worker_report read;
	seat_read(&one_more, &read, &history);
	CHECK_EQUAL(4711, read.index);
	seat_leave(&one_more);
	CHECK_EQUAL(held, private_held(PRIVATE_history));
	for (unsigned i = 0; i < SHARED_PAGE_SLOTS; i++) seat_leave(&seats[i]);
	shared_page_leave(&page);
}

TEST(without_a_page_there_is_a_seat_too) {
	struct shared_page none = {.descriptor = -1};
	struct seat seat = taken_seat(&none, -1);
	REQUIRE(seat.slot != NULL);
	CHECK_EQUAL(-1, seat.number);
	seat_begin(&seat)->samples = 5;
	seat_end(&seat);
	struct worker_report read;
	seat_read(&seat, &read, NULL);
	CHECK_EQUAL(5, read.samples);
	seat_ring(&seat);
	CHECK_EQUAL(1, seat_bell(&seat));
	seat_leave(&seat);
	struct page_request request = {.kind = 1};
	uint64_t lease = 0;
	CHECK_EQUAL(STATUS_UNSUPPORTED, page_request_begin(&none, &request, 1000, &lease));
	page_request_end(&none, lease);
	CHECK(!page_request_read(&none, 1, &request));
}

static int make_without_descriptors(void *data) {
	(void)data;
	struct rlimit few = {0, 0};
	setrlimit(RLIMIT_NOFILE, &few);
	if (memfd_create("allowed", MFD_CLOEXEC) >= 0) return 99;
	struct shared_page page = {.descriptor = -1};
	if (shared_page_make(&page, 4711) != STATUS_OK || page.descriptor != -1) return 1;
	pid_t child = fork();
	if (child == 0) {
		struct seat seat;
		seat_take(&seat, &page, 17, -1);
		_exit(seat.number);
	}
	waitpid(child, NULL, 0);
	return shared_page_owner(&page, 0) == 17 ? 0 : 2;
}

TEST(without_a_descriptor_children_share_it_nevertheless) {
	int outcome = ended(in_child(make_without_descriptors, NULL));
	if (outcome == 99) SKIP("valgrind gives out descriptors that the limit forbids");
	CHECK_EQUAL(0, outcome);
}

#if __has_include(<linux/seccomp.h>)
/* Makes madvise(2) what it is before Linux 5.14 for this process: it does not know MADV_POPULATE_WRITE. */
static bool become_an_older_kernel(void) {
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 23, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int use_a_page_on_an_older_kernel(void *data) {
	(void)data;
	if (!become_an_older_kernel()) return 99;
	struct shared_page page = made_page();
	if (!page.memory || page.descriptor < 0) return 1;
	struct seat seat = taken_seat(&page, 5);
	struct stat status;
	if (seat.number != 0 || fstat(page.descriptor, &status) != 0) return 2;
	if ((uint64_t)status.st_blocks * 512 < sizeof(struct history)) return 3; /* a slot's memory is there */
	close(page.descriptor);
	struct seat outside = taken_seat(&page, 6);
	bool is_outside = outside.slot && outside.number == -1; /* what cannot be reserved is not touched */
	seat_leave(&outside);
	return is_outside ? 0 : 4;
}

TEST(an_older_kernel_reserves_through_the_descriptor) {
	int outcome = ended(in_child(use_a_page_on_an_older_kernel, NULL));
	if (outcome == 99) SKIP("this machine has no seccomp filters");
	CHECK_EQUAL(0, outcome);
}
#endif

static int host_closes_everything(void *data) {
	(void)data;
	struct shared_page page = made_page();
	for (int descriptor = 3; descriptor < 256; descriptor++) close(descriptor);
	int theirs = open("/dev/null", O_RDWR), last = theirs;
	while (last >= 0 && last < page.descriptor) last = dup(theirs);
	struct seat seat = taken_seat(&page, -1);
	if (seat.number < 0) return 1;
	shared_page_leave(&page);
	return fcntl(last, F_GETFD) < 0 ? 2 : 0; /* what has the number now is not ours to close */
}

TEST(a_host_that_closes_our_descriptor_keeps_its_own) {
	CHECK_EQUAL(0, ended(in_child(host_closes_everything, NULL)));
}

/* ---- finding a sibling's page ---- */

struct gathering {
	_Atomic int joined;
	_Atomic int slots[64];
	_Atomic int go;
};

static int join_siblings_page(void *data) {
	struct gathering *gathering = data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_page_find(&page, parent.identity) != STATUS_OK) return 2;
	struct seat seat = taken_seat(&page, -1);
	if (seat.number < 0 || seat.number > 63) return 3;
	gathering->slots[seat.number]++;
	gathering->joined++;
	while (!gathering->go) usleep(1000);
	return 0;
}

static struct gathering *gather(void) {
	void *memory = mmap(NULL, sizeof(struct gathering), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static int joins_itself(void *data) {
	return join_siblings_page(data);
}

TEST(siblings_that_start_at_once_find_one_page) {
	enum { SIBLINGS = 12 };
	struct gathering *gathering = gather();
	pid_t children[SIBLINGS];
	REQUIRE(gathering != NULL);
	for (int i = 0; i < SIBLINGS; i++) children[i] = in_child(joins_itself, gathering);
	for (int i = 0; i < 30000 && gathering->joined < SIBLINGS; i++) usleep(1000);
	CHECK_EQUAL(SIBLINGS, gathering->joined);
	for (int i = 0; i < SIBLINGS; i++) CHECK_EQUAL(1, gathering->slots[i]);
	gathering->go = 1;
	for (int i = 0; i < SIBLINGS; i++) CHECK_EQUAL(0, ended(children[i]));
	munmap(gathering, sizeof *gathering);
}

static int finds_nothing_of_others(void *data) {
	(void)data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	process_stat_read(getppid(), &parent);
	if (shared_page_find(&page, parent.identity) != STATUS_OK) return 1;
	return shared_page_owner(&page, 0) == 0 ? 0 : 2; /* its own, and empty */
}

/* ---- another user's ---- */

static int offer_as_somebody_else(void *data) {
	struct gathering *gathering = data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	if (setgid(65534) != 0 || setuid(65534) != 0 || !process_stat_read(getppid(), &parent)) return 99;
	if (shared_page_make(&page, parent.identity) != STATUS_OK) return 2;
	gathering->joined++;
	wait_to_be_killed();
}

/* Makes it as this user, and offers it as another one. */
static int change_user_with_a_page(void *data) {
	struct gathering *gathering = data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_page_make(&page, parent.identity) != STATUS_OK || setgid(65534) != 0 || setuid(65534) != 0) return 2;
	gathering->joined++;
	wait_to_be_killed();
}

/* A file of ours that all may write. */
static int offer_one_for_all(void *data) {
	struct gathering *gathering = data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_page_make(&page, parent.identity) != STATUS_OK || fchmod(page.descriptor, 0666) != 0) return 2;
	gathering->joined++;
	wait_to_be_killed();
}

static int finds_its_own(void *data) {
	uint64_t *inode = data;
	struct shared_page page = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_page_find(&page, parent.identity) != STATUS_OK) return 2;
	*inode = page.inode;
	return 0;
}

static uint64_t inode_of_page_of(pid_t pid) {
	char path[64];
	struct stat status;
	for (int number = 3; number < 64; number++) {
		char target[64] = "";
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, number);
		if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "allocstats-page") &&
			stat(path, &status) == 0)
			return (uint64_t)status.st_ino;
	}
	return 0;
}

TEST(a_page_in_another_users_hands_is_not_joined) {
	if (geteuid() != 0) SKIP("only root can be another user for a test");
	int (*const offers[])(void *) = {offer_as_somebody_else, change_user_with_a_page, offer_one_for_all};
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		struct gathering *gathering = gather();
		uint64_t *inode = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		REQUIRE(gathering != NULL);
		pid_t offering = in_child(offers[i], gathering);
		for (int tries = 0; tries < 20000 && gathering->joined < 1; tries++) usleep(1000);
		uint64_t offered = inode_of_page_of(offering);
		CHECK(offered != 0);
		CHECK_EQUAL(0, ended(in_child(finds_its_own, inode)));
		CHECK(*inode != 0);
		CHECK(*inode != offered);
		kill_and_wait(offering);
		munmap(gathering, sizeof *gathering);
		munmap(inode, 64);
	}
}

static int hold_the_masters_folder(void *data) {
	struct gathering *gathering = data;
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", (int)getppid());
	if (setgid(65534) != 0 || setuid(65534) != 0) return 99;
	int folder = open(path, O_RDONLY | O_DIRECTORY);
	if (folder < 0 || flock(folder, LOCK_EX) != 0) return 1;
	strcat(path, "/fd");
	if (open(path, O_RDONLY | O_DIRECTORY) >= 0) return 2; /* that of its descriptors is not its to open */
	gathering->joined++;
	wait_to_be_killed();
}

TEST(nobody_else_can_hold_up_those_who_look_for_a_page) {
	if (geteuid() != 0) SKIP("only root can be another user for a test");
	struct gathering *gathering = gather();
	uint64_t *inode = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(gathering != NULL);
	pid_t holder = in_child(hold_the_masters_folder, gathering);
	for (int tries = 0; tries < 20000 && gathering->joined < 1; tries++) usleep(1000);
	CHECK_EQUAL(1, gathering->joined);
	uint64_t begun = history_now();
	CHECK_EQUAL(0, ended(in_child(finds_its_own, inode)));
	CHECK(history_now() - begun < 900);
	CHECK(*inode != 0);
	kill_and_wait(holder);
	munmap(gathering, sizeof *gathering);
	munmap(inode, 64);
}

static int make_with_a_limit_of_files(void *data) {
	(void)data;
	struct rlimit few = {4096, 4096};
	setrlimit(RLIMIT_FSIZE, &few);
	struct shared_page page = made_page();
	if (!page.memory || page.descriptor != -1) return 1;
	struct seat seat = taken_seat(&page, 1);
	return seat.number == 0 ? 0 : 2;
}

TEST(a_limit_of_files_is_no_signal) {
	CHECK_EQUAL(0, ended(in_child(make_with_a_limit_of_files, NULL)));
}

TEST(a_page_of_another_master_is_not_joined) {
	struct shared_page page = made_page(); /* of this process, which is no child of itself */
	struct seat seat = taken_seat(&page, -1);
	CHECK_EQUAL(0, ended(in_child(finds_nothing_of_others, NULL)));
	seat_leave(&seat);
	shared_page_leave(&page);
}

TEST(there_is_no_page_of_a_master_that_is_gone) {
	struct shared_page page = {.descriptor = -1};
	process_identity gone = process_identity_of_self() + ((process_identity)1 << PROCESS_NUMBER_BITS);
	CHECK_EQUAL(STATUS_UNREADABLE, shared_page_find(&page, gone));
	CHECK(page.memory == NULL);
}

/* ---- one writes while others read ---- */

static int write_until_killed(void *data) {
	struct seat seat = taken_seat(data, 3);
	for (uint64_t round = 1; round > 0; round++) {
		struct worker_report *report = seat_begin(&seat);
		report->samples = report->purges = report->purged_bytes = round;
		memset(report->version, 'a' + (int)(round % 26), sizeof report->version - 1);
		struct history *written = seat_history(&seat);
		written->fine[0].at = written->coarse[HISTORY_COARSE_POINTS - 1].at = round;
		seat_end(&seat);
		if (round % 64 == 0) usleep(50);
	}
	return 0;
}

TEST(what_is_read_is_of_one_moment_while_it_is_written) {
	struct shared_page page = made_page();
	pid_t child = in_child(write_until_killed, &page);
	REQUIRE(wait_for_owner(&page, 0));
	unsigned read = 0;
	uint64_t newest = 0;
	for (int i = 0; i < 200000 && read < 2000; i++) {
		struct worker_report report;
		process_identity owner;
		if (!shared_page_read(&page, 0, &owner, &report, &history)) continue;
		bool whole = report.samples == report.purges && report.samples == report.purged_bytes &&
			     history.fine[0].at == history.coarse[HISTORY_COARSE_POINTS - 1].at &&
			     (report.samples == 0 || history.fine[0].at == report.samples);
		for (size_t at = 1; at + 1 < sizeof report.version; at++)
			whole &= report.version[at] == report.version[0];
		if (!CHECK(whole) || !CHECK(report.samples >= newest)) break;
		newest = report.samples;
		read++;
	}
	kill_and_wait(child);
	CHECK(read > 0);
	CHECK(newest > 0);
	shared_page_leave(&page);
}

/* ---- bells and requests ---- */

static int ring_soon(void *data) {
	usleep(50000);
	seat_ring(data);
	return 0;
}

TEST(a_bell_wakes_in_another_process_and_is_not_missed) {
	struct shared_page page = made_page();
	struct seat seat = taken_seat(&page, -1);
	uint32_t heard = seat_bell(&seat);
	uint64_t begun = history_now();
	pid_t child = in_child(ring_soon, &seat);
	for (int i = 0; i < 100 && seat_bell(&seat) == heard; i++) seat_wait(&seat, heard, 20000);
	CHECK_EQUAL(heard + 1, seat_bell(&seat));
	CHECK(history_now() - begun < 15000);
	seat_wait(&seat, heard, 60000); /* rung already: does not wait */
	CHECK(history_now() - begun < 30000);
	begun = history_now();
	seat_wait(&seat, seat_bell(&seat), 30);
	CHECK(history_now() - begun >= 25);
	CHECK_EQUAL(0, ended(child));
	seat_leave(&seat);
	shared_page_leave(&page);
}

static int answer_one_request(void *data) {
	struct shared_page *page = data;
	struct seat seat = taken_seat(page, 1);
	struct page_request request;
	uint32_t heard;
	while (heard = seat_bell(&seat), page_request_number(page) == 0) seat_wait(&seat, heard, 20000);
	if (!page_request_read(page, seat.identity, &request) || strcmp(request.text, "{\"gc\":true}") != 0) return 1;
	struct worker_answer *answer = &seat_begin(&seat)->answer;
	answer->request = request.number;
	strcpy(answer->outcome, "released");
	seat_end(&seat);
	page_answered(page);
	wait_to_be_killed();
}

TEST(a_request_reaches_another_process_and_its_answer_comes_back) {
	struct shared_page page = made_page();
	pid_t child = in_child(answer_one_request, &page);
	REQUIRE(wait_for_owner(&page, 0));
	struct page_request request = {.from = process_identity_of_self(), .kind = 1};
	strcpy(request.text, "{\"gc\":true}");
	uint32_t heard = page_answers(&page);
	uint64_t lease, others;
	REQUIRE_EQUAL(STATUS_OK, page_request_begin(&page, &request, 60000, &lease));
	CHECK_EQUAL(1, request.number);
	while (page_answers(&page) == heard) page_answers_wait(&page, heard, 20000);
	struct worker_report report;
	process_identity owner;
	REQUIRE(shared_page_read(&page, 0, &owner, &report, NULL));
	CHECK_EQUAL(request.number, report.answer.request);
	CHECK_STRING("released", report.answer.outcome);
	kill_and_wait(child);

	struct page_request another = {.from = owner, .kind = 1};
	CHECK_EQUAL(STATUS_UNREADABLE, page_request_begin(&page, &another, 60000, &others));
	page_request_end(&page, others); /* not its own to end */
	CHECK_EQUAL(STATUS_UNREADABLE, page_request_begin(&page, &another, 60000, &others));
	page_request_end(&page, lease);
	CHECK_EQUAL(STATUS_OK, page_request_begin(&page, &another, 60000, &others));
	CHECK_EQUAL(2, another.number);
	CHECK_EQUAL(STATUS_OK, page_request_begin(&page, &request, 60000, &lease)); /* the other one is dead */
	page_request_end(&page, others);                                            /* no more its own */
	CHECK_EQUAL(STATUS_UNREADABLE, page_request_begin(&page, &another, 60000, &others));
	shared_page_leave(&page);
}

TEST(a_request_that_nobody_ends_ends_by_the_clock) {
	struct shared_page page = made_page();
	struct page_request request = {.from = process_identity_of_self(), .kind = 1};
	uint64_t first, second;
	REQUIRE_EQUAL(STATUS_OK, page_request_begin(&page, &request, 50, &first));
	CHECK_EQUAL(STATUS_UNREADABLE, page_request_begin(&page, &request, 50, &second));
	usleep(60000);
	CHECK_EQUAL(STATUS_OK, page_request_begin(&page, &request, 60000, &second));
	page_request_end(&page, first);
	CHECK_EQUAL(STATUS_UNREADABLE, page_request_begin(&page, &request, 50, &first));
	/* one that says it runs for ever does not */
	page.memory->lease = UINT64_MAX << PROCESS_NUMBER_BITS | (uint64_t)getpid();
	CHECK_EQUAL(STATUS_OK, page_request_begin(&page, &request, UINT32_MAX, &first));
	CHECK((first >> PROCESS_NUMBER_BITS) <= history_now() + PAGE_LEASE_MS);
	shared_page_leave(&page);
}

TEST(what_is_asked_of_one_is_done_by_that_one_and_soon) {
	struct shared_page page = made_page();
	process_identity me = process_identity_of_self(), other = me + 1;
	struct page_request request = {.from = me, .to = me, .kind = 1}, read;
	uint64_t lease;
	REQUIRE_EQUAL(STATUS_OK, page_request_begin(&page, &request, 50, &lease));
	CHECK(page_request_read(&page, me, &read));
	CHECK(!page_request_read(&page, other, &read));
	page.memory->request.to = 0;
	CHECK(page_request_read(&page, other, &read));
	page.memory->request.at -= PAGE_REQUEST_LIFE_MS + 100;
	CHECK(!page_request_read(&page, me, &read)); /* too old */
	page.memory->request.at += 2 * PAGE_REQUEST_LIFE_MS;
	CHECK(!page_request_read(&page, me, &read)); /* still to come */
	page.memory->request.at = request.at;
	page.memory->request.number++;
	CHECK(!page_request_read(&page, me, &read)); /* not the newest */
	page.memory->request.number--;
	page.memory->request.from = 4194303; /* nobody */
	CHECK(!page_request_read(&page, me, &read));
	page.memory->request.from = me;
	page.memory->request_sequence |= 1; /* never settles */
	CHECK(!page_request_read(&page, me, &read));
	shared_page_leave(&page);
}

TEST(a_reply_is_read_by_its_number) {
	static struct page_reply reply;
	struct shared_page page = made_page();
	CHECK(!page_reply_read(&page, 0, &reply));
	page_reply_write(&page, 7, "long", 4);
	CHECK(!page_reply_read(&page, 6, &reply));
	REQUIRE(page_reply_read(&page, 7, &reply));
	CHECK_EQUAL(4, reply.length);
	page.memory->reply.length = PAGE_REPLY_TEXT + 1;
	CHECK(!page_reply_read(&page, 7, &reply));
	shared_page_leave(&page);
}

static int ask_as_somebody_else(void *data) {
	struct shared_page *page = data;
	if (setgid(65534) != 0 || setuid(65534) != 0) return 99;
	struct page_request request = {.from = process_identity_of_self(), .kind = 1};
	uint64_t lease;
	if (page_request_begin(page, &request, 60000, &lease) != STATUS_OK) return 1;
	wait_to_be_killed();
}

TEST(what_another_user_asks_is_not_done) {
	if (geteuid() != 0) SKIP("only root can be another user for a test");
	struct shared_page page = made_page();
	pid_t child = in_child(ask_as_somebody_else, &page);
	for (int i = 0; i < 20000 && page_request_number(&page) == 0; i++) usleep(1000);
	struct page_request request;
	CHECK_EQUAL(1, page_request_number(&page));
	CHECK(!page_request_read(&page, process_identity_of_self(), &request));
	kill_and_wait(child);
	shared_page_leave(&page);
}

TEST(a_page_full_of_noise_is_survived) {
	struct shared_page page = made_page();
	struct seat seat = taken_seat(&page, 5);
	unsigned char *bytes = (unsigned char *)page.memory;
	uint32_t state = 12345;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 64; i < 80000; i++)
			bytes[i] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
		struct worker_report report;
		struct page_request request = {.from = process_identity_of_self()};
		process_identity owner;
		uint64_t lease;
		static struct history_point points[HISTORY_MOST_POINTS];
		for (unsigned number = 0; number < 3; number++) {
			shared_page_read(&page, number, &owner, &report, &history);
			CHECK(history_points(&history, 0, points) <= HISTORY_MOST_POINTS);
		}
		if (page_request_read(&page, seat.identity, &request)) CHECK(strlen(request.text) < PAGE_REQUEST_TEXT);
		page_request_begin(&page, &request, 50, &lease);
		struct seat another = taken_seat(&page, 3);
		CHECK(another.slot != NULL);
		seat_leave(&another);
	}
	seat_leave(&seat);
	shared_page_leave(&page);
}
