#define _GNU_SOURCE
#include "testing.h"

#include "agent/message.h"
#include "agent/shared_memory.h"
#include "agent/shared_memory_layout.h"
#include "agent/slot.h"
#include "private_heap.h"

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

static struct shared_memory made_page(void) {
	struct shared_memory shared = {.descriptor = -1};
	shared_memory_make(&shared, process_identity_of_self());
	return shared;
}

static struct slot taken_slot(struct shared_memory *shared, int32_t index) {
	struct slot slot;
	slot_take(&slot, shared, process_identity_of_self(), index);
	return slot;
}

static struct history history;

TEST(a_page_takes_little_until_it_is_used) {
	struct shared_memory shared = made_page();
	REQUIRE(shared.layout != NULL);
	for (unsigned i = 0; i < SHARED_SLOTS; i++) CHECK_EQUAL(0, shared_memory_owner(&shared, i));
	CHECK_EQUAL(0, shared_memory_owner(&shared, SHARED_SLOTS));
	shared_memory_leave(&shared);
	CHECK(shared.layout == NULL);
	CHECK_EQUAL(-1, shared.descriptor);
	shared_memory_leave(&shared);
}

TEST(nobody_can_cut_the_page_short) {
	struct shared_memory shared = made_page();
	REQUIRE(shared.descriptor >= 0);
	CHECK_EQUAL(-1, ftruncate(shared.descriptor, 0));
	CHECK_EQUAL(EPERM, errno);
	CHECK_EQUAL(-1, fcntl(shared.descriptor, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK(fcntl(shared.descriptor, F_GETFD) & FD_CLOEXEC);
	shared_memory_leave(&shared);
}

TEST(a_slot_is_read_by_all_as_its_owner_left_it) {
	struct shared_memory shared = made_page();
	struct slot slot = taken_slot(&shared, 7);
	CHECK_EQUAL(0, slot.number);
	struct worker_report *report = slot_begin(&slot);
	report->samples = 42;
	strcpy(report->allocator, "jemalloc");
	struct history_point point = {.at = 1000, .rss = 1, .live = 2, .kept = 3};
	history_add(slot_history(&slot), &point);
	slot_end(&slot);

	struct worker_report read;
	process_identity owner;
	REQUIRE(shared_memory_read(&shared, 0, &owner, &read, &history));
	CHECK_EQUAL(process_identity_of_self(), owner);
	CHECK_EQUAL(7, read.index);
	CHECK_EQUAL(42, read.samples);
	CHECK_STRING("jemalloc", read.allocator);
	CHECK_EQUAL(HISTORY_ABSENT, read.slow.pss);
	CHECK_EQUAL(1, history.fine_count);
	slot_leave(&slot);
	CHECK(!shared_memory_read(&shared, 0, &owner, &read, NULL));
	CHECK(slot.memory == NULL);
	shared_memory_leave(&shared);
}

TEST(texts_that_have_no_end_are_ended) {
	struct shared_memory shared = made_page();
	struct slot slot = taken_slot(&shared, 0);
	struct worker_report *report = slot_begin(&slot), read;
	memset(report->allocator, 'x', sizeof report->allocator);
	memset(report->answer.reason, 'y', sizeof report->answer.reason);
	slot_end(&slot);
	process_identity owner;
	REQUIRE(shared_memory_read(&shared, 0, &owner, &read, NULL));
	CHECK_EQUAL(sizeof read.allocator - 1, strlen(read.allocator));
	CHECK_EQUAL(sizeof read.answer.reason - 1, strlen(read.answer.reason));
	slot_leave(&slot);
	shared_memory_leave(&shared);
}

/* ---- dying ---- */

static int sit(void *data) {
	struct slot slot = taken_slot(data, 3);
	if (slot.number < 0) return 1;
	wait_to_be_killed();
}

static int die_writing(void *data) {
	struct slot slot = taken_slot(data, 3);
	slot_begin(&slot)->samples = 1;
	wait_to_be_killed();
}

static bool wait_for_owner(const struct shared_memory *shared, unsigned number) {
	for (int i = 0; i < 20000 && !shared_memory_owner(shared, number); i++) usleep(1000);
	return shared_memory_owner(shared, number) != 0;
}

TEST(the_slot_of_a_killed_worker_is_its_successors) {
	struct shared_memory shared = made_page();
	struct slot first = taken_slot(&shared, 0);
	pid_t child = in_child(sit, &shared);
	REQUIRE(wait_for_owner(&shared, 1));
	struct slot other = taken_slot(&shared, 9);
	CHECK_EQUAL(2, other.number); /* the child is alive */
	slot_leave(&other);
	kill_and_wait(child);
	CHECK(!process_is_alive(shared_memory_owner(&shared, 1)));
	other = taken_slot(&shared, 9);
	CHECK_EQUAL(2, other.number); /* what nobody has is taken before what a dead one left */
	struct slot successor = taken_slot(&shared, 3);
	CHECK_EQUAL(1, successor.number); /* the same index */
	slot_leave(&successor);
	slot_leave(&other);
	slot_leave(&first);
	shared_memory_leave(&shared);
}

TEST(who_dies_inside_of_writing_leaves_that_slot_unreadable_and_no_other) {
	struct shared_memory shared = made_page();
	struct slot slot = taken_slot(&shared, 0);
	pid_t child = in_child(die_writing, &shared);
	REQUIRE(wait_for_owner(&shared, 1));
	usleep(20000);
	kill_and_wait(child);
	struct worker_report read;
	process_identity owner = 0;
	CHECK(shared_memory_read(&shared, 0, &owner, &read, NULL));
	bool readable = shared_memory_read(&shared, 1, &owner, &read, NULL);
	CHECK(!readable || read.samples == 0); /* killed before it began, on a slow machine */
	CHECK_EQUAL(child, process_number(owner));

	struct slot others[SHARED_SLOTS];
	for (unsigned i = 0; i + 2 < SHARED_SLOTS; i++) others[i] = taken_slot(&shared, -1);
	struct slot last = taken_slot(&shared, -1);
	CHECK_EQUAL(1, last.number);
	CHECK(shared_memory_read(&shared, 1, &owner, &read, NULL));
	CHECK_EQUAL(0, read.samples);
	for (unsigned i = 0; i + 2 < SHARED_SLOTS; i++) slot_leave(&others[i]);
	slot_leave(&last);
	slot_leave(&slot);
	shared_memory_leave(&shared);
}

/* ---- a full page, and none ---- */

TEST(where_the_page_is_full_a_slot_is_outside_of_it) {
	struct shared_memory shared = made_page();
	struct slot slots[SHARED_SLOTS];
	for (unsigned i = 0; i < SHARED_SLOTS; i++) {
		slots[i] = taken_slot(&shared, (int32_t)i);
		CHECK_EQUAL(i, slots[i].number);
	}
	uint64_t held = private_held(PRIVATE_history);
	struct slot one_more = taken_slot(&shared, 4711);
	CHECK_EQUAL(-1, one_more.number);
	CHECK(private_held(PRIVATE_history) > held);
	struct worker_report read;
	slot_read(&one_more, &read, &history);
	CHECK_EQUAL(4711, read.index);
	slot_leave(&one_more);
	CHECK_EQUAL(held, private_held(PRIVATE_history));
	for (unsigned i = 0; i < SHARED_SLOTS; i++) slot_leave(&slots[i]);
	shared_memory_leave(&shared);
}

TEST(without_a_page_there_is_a_slot_too) {
	struct shared_memory none = {.descriptor = -1};
	struct slot slot = taken_slot(&none, -1);
	REQUIRE(slot.memory != NULL);
	CHECK_EQUAL(-1, slot.number);
	slot_begin(&slot)->samples = 5;
	slot_end(&slot);
	struct worker_report read;
	slot_read(&slot, &read, NULL);
	CHECK_EQUAL(5, read.samples);
	slot_wake(&slot);
	CHECK_EQUAL(1, slot_wakeups(&slot));
	slot_leave(&slot);
	struct message request = {.kind = 1};
	uint64_t lease = 0;
	CHECK_EQUAL(STATUS_UNSUPPORTED, message_begin(&none, &request, 1000, &lease));
	message_end(&none, lease);
	CHECK(!message_read(&none, 1, &request));
}

static int make_without_descriptors(void *data) {
	(void)data;
	struct rlimit few = {0, 0};
	setrlimit(RLIMIT_NOFILE, &few);
	if (memfd_create("allowed", MFD_CLOEXEC) >= 0) return 99;
	struct shared_memory shared = {.descriptor = -1};
	if (shared_memory_make(&shared, 4711) != STATUS_OK || shared.descriptor != -1) return 1;
	pid_t child = fork();
	if (child == 0) {
		struct slot slot;
		slot_take(&slot, &shared, 17, -1);
		_exit(slot.number);
	}
	waitpid(child, NULL, 0);
	return shared_memory_owner(&shared, 0) == 17 ? 0 : 2;
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
	struct shared_memory shared = made_page();
	if (!shared.layout || shared.descriptor < 0) return 1;
	struct slot slot = taken_slot(&shared, 5);
	struct stat status;
	if (slot.number != 0 || fstat(shared.descriptor, &status) != 0) return 2;
	if ((uint64_t)status.st_blocks * 512 < sizeof(struct history)) return 3; /* a slot's memory is there */
	close(shared.descriptor);
	struct slot outside = taken_slot(&shared, 6);
	bool is_outside = outside.memory && outside.number == -1; /* what cannot be reserved is not touched */
	slot_leave(&outside);
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
	struct shared_memory shared = made_page();
	for (int descriptor = 3; descriptor < 256; descriptor++) close(descriptor);
	int theirs = open("/dev/null", O_RDWR), last = theirs;
	while (last >= 0 && last < shared.descriptor) last = dup(theirs);
	struct slot slot = taken_slot(&shared, -1);
	if (slot.number < 0) return 1;
	shared_memory_leave(&shared);
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
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_memory_find(&shared, parent.identity) != STATUS_OK) return 2;
	struct slot slot = taken_slot(&shared, -1);
	if (slot.number < 0 || slot.number > 63) return 3;
	gathering->slots[slot.number]++;
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
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	process_stat_read(getppid(), &parent);
	if (shared_memory_find(&shared, parent.identity) != STATUS_OK) return 1;
	return shared_memory_owner(&shared, 0) == 0 ? 0 : 2; /* its own, and empty */
}

/* ---- another user's ---- */

static int offer_as_somebody_else(void *data) {
	struct gathering *gathering = data;
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	if (setgid(65534) != 0 || setuid(65534) != 0 || !process_stat_read(getppid(), &parent)) return 99;
	if (shared_memory_make(&shared, parent.identity) != STATUS_OK) return 2;
	gathering->joined++;
	wait_to_be_killed();
}

/* Makes it as this user, and offers it as another one. */
static int change_user_with_a_page(void *data) {
	struct gathering *gathering = data;
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_memory_make(&shared, parent.identity) != STATUS_OK || setgid(65534) != 0 || setuid(65534) != 0)
		return 2;
	gathering->joined++;
	wait_to_be_killed();
}

/* A file of ours that all may write. */
static int offer_one_for_all(void *data) {
	struct gathering *gathering = data;
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_memory_make(&shared, parent.identity) != STATUS_OK || fchmod(shared.descriptor, 0666) != 0) return 2;
	gathering->joined++;
	wait_to_be_killed();
}

static int finds_its_own(void *data) {
	uint64_t *inode = data;
	struct shared_memory shared = {.descriptor = -1};
	struct process_stat parent;
	if (!process_stat_read(getppid(), &parent)) return 1;
	if (shared_memory_find(&shared, parent.identity) != STATUS_OK) return 2;
	*inode = shared.inode;
	return 0;
}

static uint64_t inode_of_page_of(pid_t pid) {
	char path[64];
	struct stat status;
	for (int number = 3; number < 64; number++) {
		char target[64] = "";
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, number);
		if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "allocstats-shared") &&
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
	struct shared_memory shared = made_page();
	if (!shared.layout || shared.descriptor != -1) return 1;
	struct slot slot = taken_slot(&shared, 1);
	return slot.number == 0 ? 0 : 2;
}

TEST(a_limit_of_files_is_no_signal) {
	CHECK_EQUAL(0, ended(in_child(make_with_a_limit_of_files, NULL)));
}

TEST(a_page_of_another_master_is_not_joined) {
	struct shared_memory shared = made_page(); /* of this process, which is no child of itself */
	struct slot slot = taken_slot(&shared, -1);
	CHECK_EQUAL(0, ended(in_child(finds_nothing_of_others, NULL)));
	slot_leave(&slot);
	shared_memory_leave(&shared);
}

TEST(there_is_no_page_of_a_master_that_is_gone) {
	struct shared_memory shared = {.descriptor = -1};
	process_identity gone = process_identity_of_self() + ((process_identity)1 << PROCESS_NUMBER_BITS);
	CHECK_EQUAL(STATUS_UNREADABLE, shared_memory_find(&shared, gone));
	CHECK(shared.layout == NULL);
}

/* ---- one writes while others read ---- */

static int write_until_killed(void *data) {
	struct slot slot = taken_slot(data, 3);
	for (uint64_t round = 1; round > 0; round++) {
		struct worker_report *report = slot_begin(&slot);
		report->samples = report->purges = report->purged_bytes = round;
		memset(report->version, 'a' + (int)(round % 26), sizeof report->version - 1);
		struct history *written = slot_history(&slot);
		written->fine[0].at = written->coarse[HISTORY_COARSE_POINTS - 1].at = round;
		slot_end(&slot);
		if (round % 64 == 0) usleep(50);
	}
	return 0;
}

TEST(what_is_read_is_of_one_moment_while_it_is_written) {
	struct shared_memory shared = made_page();
	pid_t child = in_child(write_until_killed, &shared);
	REQUIRE(wait_for_owner(&shared, 0));
	unsigned read = 0;
	uint64_t newest = 0;
	for (int i = 0; i < 200000 && read < 2000; i++) {
		struct worker_report report;
		process_identity owner;
		if (!shared_memory_read(&shared, 0, &owner, &report, &history)) continue;
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
	shared_memory_leave(&shared);
}

/* ---- wakeups and requests ---- */

static int ring_soon(void *data) {
	usleep(50000);
	slot_wake(data);
	return 0;
}

TEST(what_wakes_wakes_in_another_process_and_is_not_missed) {
	struct shared_memory shared = made_page();
	struct slot slot = taken_slot(&shared, -1);
	uint32_t heard = slot_wakeups(&slot);
	uint64_t begun = history_now();
	pid_t child = in_child(ring_soon, &slot);
	for (int i = 0; i < 100 && slot_wakeups(&slot) == heard; i++) slot_wait(&slot, heard, 20000);
	CHECK_EQUAL(heard + 1, slot_wakeups(&slot));
	CHECK(history_now() - begun < 15000);
	slot_wait(&slot, heard, 60000); /* rung already: does not wait */
	CHECK(history_now() - begun < 30000);
	begun = history_now();
	slot_wait(&slot, slot_wakeups(&slot), 30);
	CHECK(history_now() - begun >= 25);
	CHECK_EQUAL(0, ended(child));
	slot_leave(&slot);
	shared_memory_leave(&shared);
}

static int answer_one_request(void *data) {
	struct shared_memory *shared = data;
	struct slot slot = taken_slot(shared, 1);
	struct message request;
	uint32_t heard;
	while (heard = slot_wakeups(&slot), message_number(shared) == 0) slot_wait(&slot, heard, 20000);
	if (!message_read(shared, slot.identity, &request) || strcmp(request.text, "{\"gc\":true}") != 0) return 1;
	struct worker_answer *answer = &slot_begin(&slot)->answer;
	answer->request = request.number;
	strcpy(answer->outcome, "released");
	slot_end(&slot);
	message_answered(shared);
	wait_to_be_killed();
}

TEST(a_request_reaches_another_process_and_its_answer_comes_back) {
	struct shared_memory shared = made_page();
	pid_t child = in_child(answer_one_request, &shared);
	REQUIRE(wait_for_owner(&shared, 0));
	struct message request = {.from = process_identity_of_self(), .kind = 1};
	strcpy(request.text, "{\"gc\":true}");
	uint32_t heard = message_answers(&shared);
	uint64_t lease, others;
	REQUIRE_EQUAL(STATUS_OK, message_begin(&shared, &request, 60000, &lease));
	CHECK_EQUAL(1, request.number);
	while (message_answers(&shared) == heard) message_answers_wait(&shared, heard, 20000);
	struct worker_report report;
	process_identity owner;
	REQUIRE(shared_memory_read(&shared, 0, &owner, &report, NULL));
	CHECK_EQUAL(request.number, report.answer.request);
	CHECK_STRING("released", report.answer.outcome);
	kill_and_wait(child);

	struct message another = {.from = owner, .kind = 1};
	CHECK_EQUAL(STATUS_UNREADABLE, message_begin(&shared, &another, 60000, &others));
	message_end(&shared, others); /* not its own to end */
	CHECK_EQUAL(STATUS_UNREADABLE, message_begin(&shared, &another, 60000, &others));
	message_end(&shared, lease);
	CHECK_EQUAL(STATUS_OK, message_begin(&shared, &another, 60000, &others));
	CHECK_EQUAL(2, another.number);
	CHECK_EQUAL(STATUS_OK, message_begin(&shared, &request, 60000, &lease)); /* the other one is dead */
	message_end(&shared, others);                                            /* no more its own */
	CHECK_EQUAL(STATUS_UNREADABLE, message_begin(&shared, &another, 60000, &others));
	shared_memory_leave(&shared);
}

TEST(a_request_that_nobody_ends_ends_by_the_clock) {
	struct shared_memory shared = made_page();
	struct message request = {.from = process_identity_of_self(), .kind = 1};
	uint64_t first, second;
	REQUIRE_EQUAL(STATUS_OK, message_begin(&shared, &request, 50, &first));
	CHECK_EQUAL(STATUS_UNREADABLE, message_begin(&shared, &request, 50, &second));
	usleep(60000);
	CHECK_EQUAL(STATUS_OK, message_begin(&shared, &request, 60000, &second));
	message_end(&shared, first);
	CHECK_EQUAL(STATUS_UNREADABLE, message_begin(&shared, &request, 50, &first));
	/* one that says it runs for ever does not */
	shared.layout->lease = UINT64_MAX << PROCESS_NUMBER_BITS | (uint64_t)getpid();
	CHECK_EQUAL(STATUS_OK, message_begin(&shared, &request, UINT32_MAX, &first));
	CHECK((first >> PROCESS_NUMBER_BITS) <= history_now() + MESSAGE_LEASE_MS);
	shared_memory_leave(&shared);
}

TEST(what_is_asked_of_one_is_done_by_that_one_and_soon) {
	struct shared_memory shared = made_page();
	process_identity me = process_identity_of_self(), other = me + 1;
	struct message request = {.from = me, .to = me, .kind = 1}, read;
	uint64_t lease;
	REQUIRE_EQUAL(STATUS_OK, message_begin(&shared, &request, 50, &lease));
	CHECK(message_read(&shared, me, &read));
	CHECK(!message_read(&shared, other, &read));
	shared.layout->request.to = 0;
	CHECK(message_read(&shared, other, &read));
	shared.layout->request.at -= MESSAGE_LIFE_MS + 100;
	CHECK(!message_read(&shared, me, &read)); /* too old */
	shared.layout->request.at += 2 * MESSAGE_LIFE_MS;
	CHECK(!message_read(&shared, me, &read)); /* still to come */
	shared.layout->request.at = request.at;
	shared.layout->request.number++;
	CHECK(!message_read(&shared, me, &read)); /* not the newest */
	shared.layout->request.number--;
	shared.layout->request.from = 4194303; /* nobody */
	CHECK(!message_read(&shared, me, &read));
	shared.layout->request.from = me;
	shared.layout->request_sequence |= 1; /* never settles */
	CHECK(!message_read(&shared, me, &read));
	shared_memory_leave(&shared);
}

TEST(a_reply_is_read_by_its_number) {
	static struct message_reply reply;
	struct shared_memory shared = made_page();
	CHECK(!message_reply_read(&shared, 0, &reply));
	message_reply_write(&shared, 7, "long", 4);
	CHECK(!message_reply_read(&shared, 6, &reply));
	REQUIRE(message_reply_read(&shared, 7, &reply));
	CHECK_EQUAL(4, reply.length);
	shared.layout->reply.length = MESSAGE_REPLY_TEXT + 1;
	CHECK(!message_reply_read(&shared, 7, &reply));
	shared_memory_leave(&shared);
}

static int ask_as_somebody_else(void *data) {
	struct shared_memory *shared = data;
	if (setgid(65534) != 0 || setuid(65534) != 0) return 99;
	struct message request = {.from = process_identity_of_self(), .kind = 1};
	uint64_t lease;
	if (message_begin(shared, &request, 60000, &lease) != STATUS_OK) return 1;
	wait_to_be_killed();
}

TEST(what_another_user_asks_is_not_done) {
	if (geteuid() != 0) SKIP("only root can be another user for a test");
	struct shared_memory shared = made_page();
	pid_t child = in_child(ask_as_somebody_else, &shared);
	for (int i = 0; i < 20000 && message_number(&shared) == 0; i++) usleep(1000);
	struct message request;
	CHECK_EQUAL(1, message_number(&shared));
	CHECK(!message_read(&shared, process_identity_of_self(), &request));
	kill_and_wait(child);
	shared_memory_leave(&shared);
}

TEST(a_page_full_of_noise_is_survived) {
	struct shared_memory shared = made_page();
	struct slot slot = taken_slot(&shared, 5);
	unsigned char *bytes = (unsigned char *)shared.layout;
	uint32_t state = 12345;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 64; i < 80000; i++)
			bytes[i] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
		struct worker_report report;
		struct message request = {.from = process_identity_of_self()};
		process_identity owner;
		uint64_t lease;
		static struct history_point points[HISTORY_MOST_POINTS];
		for (unsigned number = 0; number < 3; number++) {
			shared_memory_read(&shared, number, &owner, &report, &history);
			CHECK(history_points(&history, 0, points) <= HISTORY_MOST_POINTS);
		}
		if (message_read(&shared, slot.identity, &request)) CHECK(strlen(request.text) < MESSAGE_TEXT);
		message_begin(&shared, &request, 50, &lease);
		struct slot another = taken_slot(&shared, 3);
		CHECK(another.memory != NULL);
		slot_leave(&another);
	}
	slot_leave(&slot);
	shared_memory_leave(&shared);
}
