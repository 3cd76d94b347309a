#define _GNU_SOURCE
#include "agent/shared_memory.h"
#include "agent/shared_memory_layout.h"
#include "kernel/numbered_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3; older ones do not know it */
#	define MFD_NOEXEC_SEAL 8U
#endif

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#	define MADV_POPULATE_WRITE 23
#endif

#define MEMFD_NAME "allocstats-shared"
#define SHARED_MAGIC UINT64_C(0x7461747363616c6c)

/* Raise it when the meaning of something in the shared memory changes; a change of size is seen by the sizes. */
enum { SHARED_VERSION = 3 };
enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
enum { LOCK_TRIES = 200, LOCK_PAUSE_NS = 5 * 1000 * 1000 };

static const struct shared_shape our_shape = {SHARED_MAGIC, SHARED_VERSION, SHARED_SLOTS, sizeof(struct slot_memory),
	sizeof(struct worker_report), FIGURE_COUNT, sizeof(struct message), sizeof(struct message_reply),
	sizeof(struct history)};

static int make_memfd(void) {
	int descriptor = memfd_create(MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(MEMFD_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return descriptor;
}

/* The host may close any descriptor, and have something else under its number. */
static bool is_still_open(const struct shared_memory *shared) {
	struct stat status;
	return shared->descriptor >= 0 && fstat(shared->descriptor, &status) == 0 &&
	       (uint64_t)status.st_dev == shared->device && (uint64_t)status.st_ino == shared->inode;
}

/*
 * Memory that could not be had when it is touched would be a SIGBUS, so it is taken before: through the mapping, or
 * through the descriptor where the kernel is older than 5.14, or forbids that.
 */
bool shared_memory_reserve(const struct shared_memory *shared, size_t offset, size_t bytes) {
	size_t before = offset % (size_t)sysconf(_SC_PAGESIZE);
	char *start = (char *)shared->layout + offset - before;
	if (madvise(start, bytes + before, MADV_POPULATE_WRITE) == 0) return true;
	if (errno == ENOMEM || errno == EFAULT) return false;
	return is_still_open(shared) &&
	       fallocate(shared->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0;
}

static struct shared_layout *map(int descriptor) {
	int flags = descriptor < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *layout = mmap(NULL, sizeof(struct shared_layout), PROT_READ | PROT_WRITE, flags, descriptor, 0);
	return layout == MAP_FAILED ? NULL : layout;
}

static void remember(
	struct shared_memory *shared, struct shared_layout *layout, int descriptor, process_identity master) {
	struct stat status = {0};
	if (descriptor >= 0) fstat(descriptor, &status);
	*shared = (struct shared_memory){layout, descriptor, (uint64_t)status.st_dev, (uint64_t)status.st_ino, master};
}

/* To make a file longer than this limit is answered by a signal that ends the process. */
static bool is_within_the_limit_of_files(void) {
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= sizeof(struct shared_layout));
}

static bool map_sealed(struct shared_memory *shared, int descriptor, process_identity master) {
	bool sealed = is_within_the_limit_of_files() && fchmod(descriptor, S_IRUSR | S_IWUSR) == 0 &&
		      ftruncate(descriptor, sizeof(struct shared_layout)) == 0 &&
		      fcntl(descriptor, F_ADD_SEALS, SEALS) == 0;
	struct shared_layout *layout = sealed ? map(descriptor) : NULL;
	if (layout) remember(shared, layout, descriptor, master);
	return layout != NULL;
}

enum status shared_memory_make(struct shared_memory *shared, process_identity master) {
	int descriptor = make_memfd();
	if (descriptor >= 0 && !map_sealed(shared, descriptor, master)) {
		close(descriptor);
		descriptor = -1;
	}
	if (descriptor < 0)
		remember(shared, map(-1), -1, master); /* children still have it, and nobody else finds it */
	if (!shared->layout) return STATUS_UNREADABLE;
	if (descriptor >= 0 && !shared_memory_reserve(shared, 0, offsetof(struct shared_layout, slots))) {
		shared_memory_leave(shared);
		return STATUS_NO_MEMORY;
	}
	shared->layout->head = (struct shared_head){our_shape, master};
	return STATUS_OK;
}

/* A file of this user's alone, as long as shared memory. What was found under a name may be anything, a device too, and
 * a device is not to be opened: this looks at a descriptor that was opened for nothing (O_PATH). */
static bool is_own_file(int descriptor) {
	struct stat status;
	return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
	       (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 && status.st_size == sizeof(struct shared_layout);
}

/* Shared memory of this master's, that nobody can cut short. */
static bool is_shared_memory(int descriptor, process_identity master) {
	struct shared_head head;
	return (fcntl(descriptor, F_GET_SEALS) & SEALS) == SEALS &&
	       pread(descriptor, &head, sizeof head, 0) == sizeof head &&
	       memcmp(&head.shape, &our_shape, sizeof our_shape) == 0 && head.master == master;
}

static bool is_named_so(int folder, const char *entry) {
	static const char name[] = "/memfd:" MEMFD_NAME " (deleted)";
	char target[sizeof name];
	ssize_t length = readlinkat(folder, entry, target, sizeof target);
	return length == sizeof name - 1 && memcmp(target, name, sizeof name - 1) == 0;
}

/* Opens it for reading and writing once it is known to be a file of ours; -1 where it is not. */
static int open_own(int folder, const char *entry) {
	int place = openat(folder, entry, O_PATH | O_CLOEXEC), descriptor = -1;
	if (place < 0) return -1;
	if (is_own_file(place)) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", place);
		descriptor = open(path, O_RDWR | O_CLOEXEC);
	}
	close(place);
	return descriptor;
}

static bool join_by(struct shared_memory *shared, int folder, const char *entry, process_identity master) {
	int descriptor = is_named_so(folder, entry) ? open_own(folder, entry) : -1;
	if (descriptor < 0) return false;
	struct shared_layout *layout = is_shared_memory(descriptor, master) ? map(descriptor) : NULL;
	if (layout)
		remember(shared, layout, descriptor, master);
	else
		close(descriptor);
	return layout != NULL;
}

/* Looks through the descriptors of one process; what may not be seen is not found. */
static bool join_through(struct shared_memory *shared, pid_t sibling, process_identity master) {
	char name[32];
	struct numbered_folder folder;
	snprintf(name, sizeof name, "/proc/%d/fd", (int)sibling);
	if (!numbered_folder_open(&folder, name)) return false;
	bool joined = false;
	int64_t number;
	while (!joined && (number = numbered_folder_next(&folder))) {
		snprintf(name, sizeof name, "%lld", (long long)number);
		joined = join_by(shared, folder.descriptor, name, master);
	}
	numbered_folder_close(&folder);
	return joined;
}

/* Another child of this master that runs as this user; 0 where it is none. */
static process_identity sibling(pid_t pid, process_identity master) {
	struct process_stat stat;
	uid_t user;
	bool is_one = pid != getpid() && process_stat_read(pid, &stat) && stat.parent == process_number(master) &&
		      process_user(pid, &user) && user == geteuid();
	return is_one ? stat.identity : 0;
}

/* Who it is, is asked again when its page was found: its number may be another's by now, or its user another. */
static bool join_sibling(struct shared_memory *shared, pid_t pid, process_identity master) {
	process_identity found = sibling(pid, master);
	if (!found || !join_through(shared, pid, master)) return false;
	if (sibling(pid, master) == found) return true;
	shared_memory_leave(shared);
	return false;
}

static bool join_siblings(struct shared_memory *shared, process_identity master) {
	struct numbered_folder processes;
	if (!numbered_folder_open(&processes, "/proc")) return false;
	bool joined = false;
	int64_t number;
	while (!joined && (number = numbered_folder_next(&processes)))
		joined = join_sibling(shared, (pid_t)number, master);
	numbered_folder_close(&processes);
	return joined;
}

/*
 * What all children of a process have in common are its folders in /proc, which can be locked. That of its descriptors
 * can be opened by its own user alone, so nobody else can hold this lock up. -1 where it cannot be had: then the master
 * is another user's, whose children cannot look into each other either, or somebody of ours was stopped holding it.
 */
static int lock_children_of(pid_t master) {
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)master);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int tries = 0; folder >= 0 && tries < LOCK_TRIES; tries++) {
		if (flock(folder, LOCK_EX | LOCK_NB) == 0) return folder;
		if (errno != EWOULDBLOCK) break;
		nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
	}
	if (folder >= 0) close(folder);
	return -1;
}

enum status shared_memory_find(struct shared_memory *shared, process_identity master) {
	if (!process_is_alive(master)) return STATUS_UNREADABLE;
	int lock = lock_children_of(process_number(master));
	enum status status = join_siblings(shared, master) ? STATUS_OK : shared_memory_make(shared, master);
	if (lock < 0) return status;
	flock(lock, LOCK_UN); /* a child that another thread forks meanwhile has it too, and would keep it */
	close(lock);
	return status;
}

void shared_memory_leave(struct shared_memory *shared) {
	if (!shared->layout) return;
	munmap(shared->layout, sizeof *shared->layout);
	if (is_still_open(shared)) close(shared->descriptor);
	*shared = (struct shared_memory){.descriptor = -1};
}

process_identity shared_memory_owner(const struct shared_memory *shared, unsigned number) {
	return shared->layout && number < SHARED_SLOTS ? atomic_load(&shared->layout->owners[number].identity) : 0;
}

/* Text that another process wrote ends where its field does. */
static void end_texts(struct worker_report *report) {
	report->title[sizeof report->title - 1] = report->allocator[sizeof report->allocator - 1] = '\0';
	report->version[sizeof report->version - 1] = report->verdict[sizeof report->verdict - 1] = '\0';
	report->answer.outcome[sizeof report->answer.outcome - 1] = '\0';
	report->answer.reason[sizeof report->answer.reason - 1] = '\0';
}

bool read_settled(const _Atomic uint32_t *sequence, void *out, const void *from, size_t bytes, uint64_t until) {
	for (;; sched_yield()) {
		uint32_t before = atomic_load_explicit(sequence, memory_order_acquire);
		if (!(before & 1)) {
			memcpy(out, from, bytes);
			atomic_thread_fence(memory_order_acquire);
			if (atomic_load_explicit(sequence, memory_order_relaxed) == before) return true;
		}
		if (history_now() >= until) return false;
	}
}

/* The report and the history of one moment, which lie one after the other. */
bool slot_memory_read(
	const struct slot_memory *slot, struct worker_report *report, struct history *history, uint64_t until) {
	for (;;) {
		uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
		bool read =
			read_settled(&slot->sequence, report, &slot->report, sizeof *report, until) &&
			(!history || read_settled(&slot->sequence, history, &slot->history, sizeof *history, until));
		if (!read) return false;
		if (!history || atomic_load_explicit(&slot->sequence, memory_order_relaxed) == before) break;
		if (history_now() >= until) return false;
	}
	end_texts(report);
	return true;
}

bool shared_memory_read(const struct shared_memory *shared, unsigned number, process_identity *owner,
	struct worker_report *report, struct history *history) {
	return shared_memory_read_until(shared, number, owner, report, history, history_now() + SHARED_READ_MS);
}

bool shared_memory_read_until(const struct shared_memory *shared, unsigned number, process_identity *owner,
	struct worker_report *report, struct history *history, uint64_t until) {
	*owner = shared_memory_owner(shared, number);
	return *owner && slot_memory_read(&shared->layout->slots[number], report, history, until) &&
	       report->of == *owner && shared_memory_owner(shared, number) == *owner;
}
