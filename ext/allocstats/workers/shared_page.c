#define _GNU_SOURCE
#include "workers/shared_page.h"
#include "kernel/numbered_folder.h"
#include "workers/shared_page_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3; older ones do not know it */
#	define MFD_NOEXEC_SEAL 8U
#endif

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#	define MADV_POPULATE_WRITE 23
#endif

#define PAGE_NAME "allocstats-page"
#define PAGE_MAGIC UINT64_C(0x7461747363616c6c)

/* Raise it when the meaning of something in the page changes; a change of size is seen by the sizes. */
enum { PAGE_VERSION = 1 };
enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
enum { LOCK_TRIES = 200, LOCK_PAUSE_NS = 5 * 1000 * 1000 };

static const struct page_shape our_shape = {PAGE_MAGIC, PAGE_VERSION, SHARED_PAGE_SLOTS, sizeof(struct slot),
	sizeof(struct worker_report), FIGURE_COUNT, sizeof(struct page_request)};

static int make_memfd(void) {
	int descriptor = memfd_create(PAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create(PAGE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return descriptor;
}

/* The host may close any descriptor, and have something else under its number. */
static bool is_still_open(const struct shared_page *page) {
	struct stat status;
	return page->descriptor >= 0 && fstat(page->descriptor, &status) == 0 &&
	       (uint64_t)status.st_dev == page->device && (uint64_t)status.st_ino == page->inode;
}

/*
 * Memory that could not be had when it is touched would be a SIGBUS, so it is taken before: through the mapping, or
 * through the descriptor where the kernel is older than 5.14.
 */
bool shared_page_reserve(const struct shared_page *page, size_t offset, size_t bytes) {
	size_t before = offset % (size_t)sysconf(_SC_PAGESIZE);
	char *start = (char *)page->memory + offset - before;
	if (madvise(start, bytes + before, MADV_POPULATE_WRITE) == 0) return true;
	if (errno != EINVAL) return false;
	return is_still_open(page) &&
	       fallocate(page->descriptor, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0;
}

static struct page_memory *map(int descriptor) {
	int flags = descriptor < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
	void *memory = mmap(NULL, sizeof(struct page_memory), PROT_READ | PROT_WRITE, flags, descriptor, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static void remember(struct shared_page *page, struct page_memory *memory, int descriptor) {
	struct stat status = {0};
	if (descriptor >= 0) fstat(descriptor, &status);
	*page = (struct shared_page){memory, descriptor, (uint64_t)status.st_dev, (uint64_t)status.st_ino};
}

static bool map_sealed(struct shared_page *page, int descriptor) {
	bool sealed =
		ftruncate(descriptor, sizeof(struct page_memory)) == 0 && fcntl(descriptor, F_ADD_SEALS, SEALS) == 0;
	struct page_memory *memory = sealed ? map(descriptor) : NULL;
	if (memory) remember(page, memory, descriptor);
	return memory != NULL;
}

enum status shared_page_make(struct shared_page *page, process_identity master) {
	int descriptor = make_memfd();
	if (descriptor >= 0 && !map_sealed(page, descriptor)) {
		close(descriptor);
		descriptor = -1;
	}
	if (descriptor < 0) remember(page, map(-1), -1); /* children still have it, and nobody else finds it */
	if (!page->memory) return STATUS_UNREADABLE;
	if (descriptor >= 0 && !shared_page_reserve(page, 0, offsetof(struct page_memory, slots))) {
		shared_page_leave(page);
		return STATUS_NO_MEMORY;
	}
	page->memory->head = (struct page_head){our_shape, master};
	return STATUS_OK;
}

/* A page of ours, of this master's, that nobody can cut short. */
static bool is_page(int descriptor, process_identity master) {
	struct stat status;
	struct page_head head;
	return fstat(descriptor, &status) == 0 && status.st_size == sizeof(struct page_memory) &&
	       (fcntl(descriptor, F_GET_SEALS) & SEALS) == SEALS &&
	       pread(descriptor, &head, sizeof head, 0) == sizeof head &&
	       memcmp(&head.shape, &our_shape, sizeof our_shape) == 0 && head.master == master;
}

static bool is_named_so(int folder, const char *entry) {
	static const char name[] = "/memfd:" PAGE_NAME " (deleted)";
	char target[sizeof name];
	ssize_t length = readlinkat(folder, entry, target, sizeof target);
	return length == sizeof name - 1 && memcmp(target, name, sizeof name - 1) == 0;
}

static bool join_by(struct shared_page *page, int folder, const char *entry, process_identity master) {
	if (!is_named_so(folder, entry)) return false;
	int descriptor = openat(folder, entry, O_RDWR | O_CLOEXEC);
	if (descriptor < 0) return false;
	struct page_memory *memory = is_page(descriptor, master) ? map(descriptor) : NULL;
	if (memory)
		remember(page, memory, descriptor);
	else
		close(descriptor);
	return memory != NULL;
}

/* Looks through the descriptors of one process; what may not be seen is not found. */
static bool join_through(struct shared_page *page, pid_t sibling, process_identity master) {
	char name[32];
	struct numbered_folder folder;
	snprintf(name, sizeof name, "/proc/%d/fd", (int)sibling);
	if (!numbered_folder_open(&folder, name)) return false;
	bool joined = false;
	int64_t number;
	while (!joined && (number = numbered_folder_next(&folder))) {
		snprintf(name, sizeof name, "%lld", (long long)number);
		joined = join_by(page, folder.descriptor, name, master);
	}
	numbered_folder_close(&folder);
	return joined;
}

static bool is_child(pid_t pid, process_identity master) {
	struct process_stat stat;
	return pid != getpid() && process_stat_read(pid, &stat) && stat.parent == process_number(master);
}

static bool join_siblings(struct shared_page *page, process_identity master) {
	struct numbered_folder processes;
	if (!numbered_folder_open(&processes, "/proc")) return false;
	bool joined = false;
	int64_t number;
	while (!joined && (number = numbered_folder_next(&processes)))
		joined = is_child((pid_t)number, master) && join_through(page, (pid_t)number, master);
	numbered_folder_close(&processes);
	return joined;
}

/* What all children of a process have in common is its folder in /proc, which can be locked. */
static int lock_children_of(pid_t master) {
	char path[32];
	snprintf(path, sizeof path, "/proc/%d", (int)master);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int tries = 0; folder >= 0 && tries < LOCK_TRIES; tries++) {
		if (flock(folder, LOCK_EX | LOCK_NB) == 0) return folder;
		nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
	}
	if (folder >= 0) close(folder);
	return -1;
}

enum status shared_page_find(struct shared_page *page, process_identity master) {
	int lock = lock_children_of(process_number(master));
	if (lock < 0) return STATUS_UNREADABLE;
	enum status status = STATUS_UNREADABLE;
	if (process_is_alive(master)) status = join_siblings(page, master) ? STATUS_OK : shared_page_make(page, master);
	flock(lock, LOCK_UN); /* a child that another thread forks meanwhile has it too, and would keep it */
	close(lock);
	return status;
}

void shared_page_leave(struct shared_page *page) {
	if (!page->memory) return;
	munmap(page->memory, sizeof *page->memory);
	if (is_still_open(page)) close(page->descriptor);
	*page = (struct shared_page){.descriptor = -1};
}

process_identity shared_page_owner(const struct shared_page *page, unsigned number) {
	return page->memory && number < SHARED_PAGE_SLOTS ? atomic_load(&page->memory->owners[number].identity) : 0;
}

/* Text that another process wrote ends where its field does. */
static void end_texts(struct worker_report *report) {
	report->role[sizeof report->role - 1] = report->allocator[sizeof report->allocator - 1] = '\0';
	report->version[sizeof report->version - 1] = report->verdict[sizeof report->verdict - 1] = '\0';
	report->answer.outcome[sizeof report->answer.outcome - 1] = '\0';
	report->answer.reason[sizeof report->answer.reason - 1] = '\0';
}

bool slot_read(const struct slot *slot, struct worker_report *report, struct history *history) {
	for (int tries = 0; tries < PAGE_READ_TRIES; tries++) {
		uint32_t before = atomic_load_explicit(&slot->sequence, memory_order_acquire);
		if (!(before & 1)) {
			*report = slot->report;
			if (history) *history = slot->history;
			atomic_thread_fence(memory_order_acquire);
			if (atomic_load_explicit(&slot->sequence, memory_order_relaxed) == before) {
				end_texts(report);
				return true;
			}
		}
		sched_yield();
	}
	return false;
}

bool shared_page_read(const struct shared_page *page, unsigned number, process_identity *owner,
	struct worker_report *report, struct history *history) {
	*owner = shared_page_owner(page, number);
	return *owner && slot_read(&page->memory->slots[number], report, history) && report->of == *owner &&
	       shared_page_owner(page, number) == *owner;
}
