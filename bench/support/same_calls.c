/*
 * The calls that a sample makes, written down straight for one allocator and without any of allocstats' code: what
 * bench/sample_cost compares Sample#refresh with. It is called in the same process, so both see the same heap.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern size_t rb_gc_stat(unsigned long);

static volatile uint64_t sink; /* so that no reading is optimised away */
static int statm = -1;
static unsigned long heap_pages;

static void read_process(void) {
	char text[256];
	struct stat now;
	struct rusage usage;
	fstat(statm, &now);
	ssize_t length = pread(statm, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	char *rest;
	sink += strtoul(text, &rest, 10);
	sink += strtoul(rest, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	getrusage(RUSAGE_SELF, &usage);
	sink += (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
	sink += rb_gc_stat(heap_pages);
}

/* jemalloc: an epoch and the statistics, by MIB */
static int (*mallctl)(const char *, void *, size_t *, void *, size_t);
static int (*to_mib)(const char *, size_t *, size_t *);
static int (*by_mib)(const size_t *, size_t, void *, size_t *, void *, size_t);
static const char *const names[] = {"stats.allocated", "stats.active", "stats.metadata", "stats.resident",
	"stats.mapped", "stats.retained", "stats.arenas.4096.pdirty", "stats.arenas.4096.pmuzzy",
	"stats.arenas.4096.tcache_bytes", "stats.arenas.4096.nthreads", "arena.0.initialized", "epoch"};
enum { NAMES = sizeof names / sizeof *names, THREADS = NAMES - 3, INITIALIZED = NAMES - 2, EPOCH = NAMES - 1 };
static size_t mibs[NAMES][8], lengths[NAMES];

static void prepare_jemalloc(void) {
	for (int i = 0; i < NAMES; i++) {
		lengths[i] = 8;
		to_mib(names[i], mibs[i], &lengths[i]);
	}
}

static void read_jemalloc(void) {
	uint64_t epoch = 1;
	size_t value, size;
	unsigned count, limit;
	bool *initialized = &(bool){0};
	by_mib(mibs[EPOCH], lengths[EPOCH], NULL, NULL, &epoch, sizeof epoch);
	for (int i = 0; i < THREADS; i++) {
		size = sizeof value;
		by_mib(mibs[i], lengths[i], &value, &size, NULL, 0);
		sink += value;
	}
	size = sizeof count;
	by_mib(mibs[THREADS], lengths[THREADS], &count, &size, NULL, 0);
	size = sizeof limit;
	mallctl("arenas.narenas", &limit, &size, NULL, 0);
	for (mibs[INITIALIZED][1] = 0; mibs[INITIALIZED][1] < limit; mibs[INITIALIZED][1]++) {
		size = sizeof *initialized;
		by_mib(mibs[INITIALIZED], lengths[INITIALIZED], initialized, &size, NULL, 0);
		sink += *initialized;
	}
}

/* mimalloc: the process's counters and, where the version has a mi_stats_get that checks size and version, its
 * statistics */
static void (*process_info)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *);
static bool (*stats_get)(void *);
static size_t stats_size, stats_version;

/* Without the version's header the struct's size is found by asking: mi_stats_get says no to all others. */
static void find_stats_shape(void) {
	static size_t stats[4096];
	if (!stats_get || !dlsym(RTLD_DEFAULT, "mi_subproc_stats_get")) return;
	for (stats_version = 4; stats_version < 9; stats_version++)
		for (stats_size = 512; stats_size < sizeof stats; stats_size += 8) {
			stats[0] = stats_size;
			stats[1] = stats_version;
			if (stats_get(stats)) return;
		}
	stats_size = 0;
}

static void read_mimalloc(void) {
	size_t values[8], stats[4096];
	process_info(values, values + 1, values + 2, values + 3, values + 4, values + 5, values + 6, values + 7);
	sink += values[5];
	if (!stats_get || !stats_size) return;
	memset(stats, 0, stats_size);
	stats[0] = stats_size;
	stats[1] = stats_version;
	if (stats_get(stats)) sink += stats[2];
}

static int (*property)(const char *, size_t *);

static void read_tcmalloc(void) {
	static const char *const properties[] = {"generic.current_allocated_bytes", "generic.heap_size",
		"tcmalloc.pageheap_free_bytes", "tcmalloc.pageheap_unmapped_bytes", "generic.total_physical_bytes"};
	size_t value;
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
		if (property(properties[i], &value)) sink += value;
}

/* Readies everything; `heap_pages_key` is the VALUE of :heap_allocated_pages. */
void same_calls_prepare(unsigned long heap_pages_key) {
	heap_pages = heap_pages_key;
	statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	*(void **)&mallctl = dlsym(RTLD_DEFAULT, "mallctl");
	*(void **)&to_mib = dlsym(RTLD_DEFAULT, "mallctlnametomib");
	*(void **)&by_mib = dlsym(RTLD_DEFAULT, "mallctlbymib");
	*(void **)&process_info = dlsym(RTLD_DEFAULT, "mi_process_info");
	*(void **)&stats_get = dlsym(RTLD_DEFAULT, "mi_stats_get");
	*(void **)&property = dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty");
	if (mallctl) prepare_jemalloc();
	find_stats_shape();
}

/* Nanoseconds for each of `times` rounds of calls. */
double same_calls_ns(long times) {
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long i = 0; i < times; i++) {
		if (mallctl) read_jemalloc();
		if (process_info) read_mimalloc();
		if (property) read_tcmalloc();
		read_process();
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)times;
}
