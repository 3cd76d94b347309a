#define _GNU_SOURCE
#include "testing.h"

#include "allocators/glibc/heaps.h"
#include "kernel/mappings.h"
#include "kernel/process_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#	define MADV_GUARD_INSTALL 102
#endif

static struct process_memory read_real(bool malloc_is_glibc) {
	struct process_memory_request request = {.root = "", .process = PROC_SELF, .brk_is_malloc = malloc_is_glibc};
	if (malloc_is_glibc) request.find_heaps = glibc_own_ranges;
	struct process_memory memory;
	process_memory_read(&request, &memory);
	return memory;
}

static uint64_t rss_of(const struct process_memory *memory, enum mapping_kind kind) {
	return memory->kinds[kind].value[MAPPING_FIGURE_rss];
}

/* qemu-user 10 answers a read of smaps itself, without knowing what is resident. Asked without the code under test:
 * what does the file say of a page that was just written, between two that nobody may touch? */
static bool smaps_is_invented(void) {
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_READ | PROT_WRITE) != 0) return false;
	pages[page] = 1;
	char line[512], begin[32];
	snprintf(begin, sizeof begin, "%lx-", (unsigned long)(uintptr_t)(pages + page));
	bool inside = false, invented = false;
	FILE *smaps = fopen("/proc/self/smaps", "r");
	while (smaps && fgets(line, sizeof line, smaps)) {
		if (strncmp(line, begin, strlen(begin)) == 0) inside = true;
		if (inside && strncmp(line, "Rss:", 4) == 0) {
			invented = strtoul(line + 4, NULL, 10) == 0;
			break;
		}
	}
	if (smaps) fclose(smaps);
	munmap(pages, 3 * page);
	return invented;
}

#define NEED_THE_KERNELS_SMAPS()                                                                                       \
	if (smaps_is_invented()) SKIP("an emulator makes smaps up: a page just written is not resident by it")

TEST(the_kinds_sum_to_the_whole_figure_by_figure) {
	NEED_THE_KERNELS_SMAPS();
	struct process_memory memory = read_real(true);
	REQUIRE_EQUAL(STATUS_OK, memory.smaps.status);
	struct mapping_figures sum = mapping_figures_zero;
	for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++) mapping_figures_add(&sum, &memory.kinds[i]);
	CHECK_EQUAL(memory.mapped.present, sum.present);
	for (unsigned i = 0; i < MAPPING_FIGURE_COUNT; i++) {
		if (memory.mapped.present >> i & 1) CHECK_EQUAL(memory.mapped.value[i], sum.value[i]);
	}
	CHECK(rss_of(&memory, MAPPING_KIND_code) > 0);
	CHECK(rss_of(&memory, MAPPING_KIND_stack) > 0);
}

TEST(the_two_files_agree) {
	NEED_THE_KERNELS_SMAPS();
	struct process_memory memory = read_real(false);
	if (memory.rollup.status == STATUS_UNREADABLE && memory.rollup.error == ENOENT)
		SKIP("this kernel has no smaps_rollup");
	REQUIRE_EQUAL(STATUS_OK, memory.rollup.status);
	int64_t apart = (int64_t)(memory.whole.value[MAPPING_FIGURE_rss] - memory.mapped.value[MAPPING_FIGURE_rss]);
	CHECK(llabs(apart) < 1 << 20); /* what the second reading itself makes resident */
}

TEST(an_owned_range_becomes_its_kind) {
	NEED_THE_KERNELS_SMAPS();
	const size_t bytes = 8 << 20;
	char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(pages != MAP_FAILED);
	memset(pages, 1, bytes / 2);
	struct process_memory_request request = {.root = "", .process = PROC_SELF};
	struct process_memory memory;
	uint64_t start = (uint64_t)(uintptr_t)pages;
	owned_ranges_add(&request.ruby_heap.pages, start, start + bytes, MAPPING_KIND_ruby_heap);
	process_memory_read(&request, &memory);
	munmap(pages, bytes);
	CHECK_EQUAL(bytes / 2, rss_of(&memory, MAPPING_KIND_ruby_heap));
	CHECK(!request.ruby_heap.pages.items);
}

/* --- stacks --- */

enum { STACK_BYTES = 4 << 20, STACK_USED = 2 << 20, THREADS = 4 };

static pthread_barrier_t barrier;

/* Touches half of the stack and waits while it is looked at. */
static void *use_stack(void *nothing) {
	volatile char room[STACK_USED];
	for (size_t i = 0; i < sizeof room; i += 1024) room[i] = 1;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	(void)room[0];
	return nothing;
}

/* What the process has while so many threads stand on stacks of such attributes. */
static struct process_memory read_beside_threads(unsigned count, const pthread_attr_t *attributes) {
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, count + 1);
	for (unsigned i = 0; i < count; i++) pthread_create(&threads[i], attributes, use_stack, NULL);
	pthread_barrier_wait(&barrier);
	struct process_memory memory = read_real(false);
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	return memory;
}

static bool threads_are_registered(void) {
	const void *head = NULL;
	size_t length;
	return syscall(SYS_get_robust_list, 0, &head, &length) == 0 && head;
}

/* Sanitizers put what belongs on the stack elsewhere; that is not what is tested here. */
static bool is_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__)
	return true;
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
	return true;
#	endif
#endif
	return false;
}

TEST(stacks_of_threads_are_found) {
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	struct process_memory before = read_real(false);
	struct process_memory memory = read_beside_threads(THREADS, &attributes);
	pthread_attr_destroy(&attributes);
	if (!threads_are_registered()) {
		CHECK(memory.stacks.reading.status == STATUS_UNSUPPORTED || memory.stacks.unknown == THREADS);
		SKIP("this C library, or this kernel, tells no thread's address");
	}
	REQUIRE_EQUAL(STATUS_OK, memory.stacks.reading.status);
	CHECK_EQUAL(THREADS, memory.stacks.threads);
	CHECK_EQUAL(0, memory.stacks.unknown);
	if (is_sanitized()) SKIP("AddressSanitizer keeps large variables off the stack");
	uint64_t grown = rss_of(&memory, MAPPING_KIND_stack) - rss_of(&before, MAPPING_KIND_stack);
	CHECK(grown >= THREADS * (uint64_t)STACK_USED);
	CHECK(grown <= THREADS * ((uint64_t)STACK_USED + (128 << 10)));
}

TEST(a_stack_without_a_guard_is_unknown) {
	pthread_attr_t attributes;
	char *stack = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(stack != MAP_FAILED);
	if (!threads_are_registered()) {
		munmap(stack, 2 * STACK_BYTES);
		SKIP("this C library, or this kernel, tells no thread's address");
	}
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack + STACK_BYTES, STACK_BYTES);
	struct process_memory memory = read_beside_threads(1, &attributes);
	pthread_attr_destroy(&attributes);
	munmap(stack, 2 * STACK_BYTES);
	CHECK_EQUAL(1, memory.stacks.threads);
	CHECK_EQUAL(1, memory.stacks.unknown);
}

TEST(a_stack_above_a_lightweight_guard_is_found) {
	pthread_attr_t attributes;
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), all = 2 * STACK_BYTES;
	char *stack = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(stack != MAP_FAILED);
	if (!threads_are_registered() || madvise(stack + STACK_BYTES - page, page, MADV_GUARD_INSTALL) != 0) {
		munmap(stack, all);
		SKIP("this kernel has no MADV_GUARD_INSTALL, or no thread is registered with it");
	}
	memset(stack, 1, STACK_BYTES / 2); /* memory of another, in the same mapping */
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack + STACK_BYTES, STACK_BYTES);
	struct process_memory before = read_real(false);
	struct process_memory memory = read_beside_threads(1, &attributes);
	pthread_attr_destroy(&attributes);
	munmap(stack, all);
	CHECK_EQUAL(0, memory.stacks.unknown);
	if (is_sanitized()) SKIP("AddressSanitizer keeps large variables off the stack");
	uint64_t grown = rss_of(&memory, MAPPING_KIND_stack) - rss_of(&before, MAPPING_KIND_stack);
	CHECK(grown >= STACK_USED);
	CHECK(grown <= STACK_USED + (128 << 10));
}

/* --- glibc's malloc --- */

#ifdef __GLIBC__
static bool malloc_is_glibc(void) {
	return !is_sanitized() && !getenv("LD_PRELOAD");
}

/* Half a megabyte more than is looked for: the thread may get an arena that another one has left, with pages in it. */
enum { ARENA_BLOCKS = 264 };

/* In an arena of its own, as every thread but the first has one. */
static void *fill_arena(void *blocks) {
	for (size_t i = 0; i < ARENA_BLOCKS; i++) {
		((char **)blocks)[i] = malloc(64 << 10);
		if (((char **)blocks)[i]) memset(((char **)blocks)[i], 1, 64 << 10);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < ARENA_BLOCKS; i++) free(((char **)blocks)[i]);
	return NULL;
}

TEST(an_arena_of_a_thread_is_mallocs) {
	static char *blocks[ARENA_BLOCKS];
	pthread_t thread;
	if (!malloc_is_glibc()) SKIP("malloc is not glibc's here");
	struct process_memory before = read_real(true);
	pthread_barrier_init(&barrier, NULL, 2);
	REQUIRE_EQUAL(0, pthread_create(&thread, NULL, fill_arena, blocks));
	pthread_barrier_wait(&barrier);
	struct process_memory memory = read_real(true);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	REQUIRE_EQUAL(STATUS_OK, memory.heaps.status);
	uint64_t grown = rss_of(&memory, MAPPING_KIND_malloc) - rss_of(&before, MAPPING_KIND_malloc);
	if (grown < 1 << 20) SKIP("valgrind's malloc is in glibc's place"); /* all or nothing of 16 MB */
	CHECK(grown >= 16 << 20);
	CHECK(grown <= (16 << 20) + (1 << 20));
}

TEST(blocks_with_a_mapping_of_their_own_are_mallocs) {
	enum { BLOCKS = 5, BYTES = 40 << 20 }; /* above the largest threshold that glibc adapts to */
	char *blocks[BLOCKS];
	if (!malloc_is_glibc()) SKIP("malloc is not glibc's here");
	struct process_memory before = read_real(true);
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(BYTES);
		if (blocks[i]) memset(blocks[i], 1, 1 << 20);
	}
	struct process_memory memory = read_real(true), without = read_real(false);
	for (size_t i = 0; i < BLOCKS; i++) free(blocks[i]);
	uint64_t grown = rss_of(&memory, MAPPING_KIND_malloc) - rss_of(&before, MAPPING_KIND_malloc);
	CHECK_EQUAL(0, rss_of(&without, MAPPING_KIND_malloc));
	if (grown < 1 << 20) SKIP("valgrind's malloc is in glibc's place");
	CHECK(grown >= BLOCKS << 20);
	CHECK(grown <= (BLOCKS << 20) + (2 << 20)); /* of 200 MB that are mapped */
}

TEST(memory_that_only_looks_like_an_arena_is_not_mallocs) {
	const size_t span = 64 << 20;
	char *region = mmap(NULL, 2 * span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(region != MAP_FAILED);
	char *aligned = (char *)(((uintptr_t)region + span - 1) / span * span);
	memset(aligned, 0x5a, 1 << 20);
	struct mappings mappings;
	struct owned_ranges known = {0}, owned = {0};
	REQUIRE_EQUAL(STATUS_OK, smaps_read("", PROC_SELF, &mappings).status);
	CHECK_EQUAL(STATUS_OK, glibc_own_ranges(&mappings, &known, &owned).status);
	owned_ranges_settle(&owned);
	CHECK(!owned_ranges_find(&owned, (uint64_t)(uintptr_t)aligned));
	owned_ranges_free(&owned);
	mappings_free(&mappings);
	munmap(region, 2 * span);
}
#endif

/* --- made trees --- */

TEST(in_a_made_tree_only_the_lines_count) {
	testing_file("proc/self/smaps", "1000-2000 rw-p 0 00:00 0 [heap]\nRss: 8 kB\n"
					"2000-3000 rw-p 0 00:00 0 [stack]\nRss: 4 kB\n");
	struct process_memory_request request = {
		.root = testing_tree(), .process = PROC_SELF, .find_heaps = glibc_own_ranges, .brk_is_malloc = true};
	struct process_memory memory;
	process_memory_read(&request, &memory);
	REQUIRE_EQUAL(STATUS_OK, memory.smaps.status);
	CHECK_EQUAL(ENOENT, memory.rollup.error);
	CHECK_EQUAL(12 << 10, memory.mapped.value[MAPPING_FIGURE_rss]);
	CHECK_EQUAL(4 << 10, rss_of(&memory, MAPPING_KIND_stack));
	CHECK_EQUAL(8 << 10, rss_of(&memory, MAPPING_KIND_other));
	CHECK_EQUAL(1u << MAPPING_KIND_stack, memory.known_kinds);
}

TEST(another_process_is_read_by_its_folder) {
	testing_file("proc/77/smaps", "1000-2000 rw-p 0 00:00 0 [heap]\nRss: 8 kB\n");
	testing_file("proc/77/smaps_rollup", "1000-2000 ---p 0 00:00 0 [rollup]\nRss: 8 kB\nPss: 5 kB\n");
	struct process_memory_request request = {.root = testing_tree(), .process = "/proc/77"};
	struct process_memory memory;
	process_memory_read(&request, &memory);
	CHECK_EQUAL(STATUS_OK, memory.smaps.status);
	CHECK_EQUAL(8 << 10, memory.mapped.value[MAPPING_FIGURE_rss]);
	CHECK_EQUAL(5 << 10, memory.whole.value[MAPPING_FIGURE_pss]);
}

/* What is proven of this process by its own addresses would be nonsense for another. */
TEST(of_another_real_process_only_the_lines_count) {
	int ready[2];
	REQUIRE_EQUAL(0, pipe(ready));
	pid_t child = fork();
	if (child == 0) {
		close(ready[1]);
		char byte;
		_exit((int)read(ready[0], &byte, 1));
	}
	char folder[32];
	snprintf(folder, sizeof folder, "/proc/%d", (int)child);
	struct process_memory_request request = {
		.root = "", .process = folder, .find_heaps = glibc_own_ranges, .brk_is_malloc = true};
	struct process_memory memory;
	process_memory_read(&request, &memory);
	close(ready[0]), close(ready[1]);
	waitpid(child, NULL, 0);
	REQUIRE_EQUAL(STATUS_OK, memory.smaps.status);
	CHECK(memory.mapped.value[MAPPING_FIGURE_rss] > 0);
	CHECK_EQUAL(0, memory.stacks.threads);
	CHECK_EQUAL(0, rss_of(&memory, MAPPING_KIND_private_heap));
}

TEST(the_machines_memory_is_read) {
	uint64_t bytes = 0;
	REQUIRE_EQUAL(STATUS_OK, machine_memory_read("", &bytes).status);
	CHECK(bytes > 16 << 20);
	testing_file("proc/meminfo", "MemFree: 1 kB\nMemTotal:       16 kB\n");
	REQUIRE_EQUAL(STATUS_OK, machine_memory_read(testing_tree(), &bytes).status);
	CHECK_EQUAL(16 << 10, bytes);
	static const char *const odd[] = {"", "MemFree: 1 kB\n", "MemTotal: \n", "MemTotal: 99999999999999999999 kB\n"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		testing_file("proc/meminfo", odd[i]);
		CHECK_EQUAL(STATUS_MALFORMED, machine_memory_read(testing_tree(), &bytes).status);
	}
}
