/*
 * jemalloc, by mallctl (jemalloc(3), "MALLCTL NAMESPACE"). Names are resolved to MIBs when it is bound: a reading by
 * MIB costs 15 ns against 55 ns by name. One write to "epoch" makes all that follows it one snapshot.
 */
#include "allocator.h"
#include "ownership.h"
#include "process_generation.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_MIB = 6 };

struct statistic {
	const char *name;
	enum figure figure;
	bool pages; /* counted in pages, given in bytes */
	size_t length;
	size_t mib[LONGEST_MIB];
};

/* 4096 is MALLCTL_ARENAS_ALL: the sum over all arenas */
static struct statistic statistics[] = {
	{.name = "stats.allocated", .figure = FIGURE_allocated},
	{.name = "stats.active", .figure = FIGURE_active},
	{.name = "stats.metadata", .figure = FIGURE_metadata},
	{.name = "stats.resident", .figure = FIGURE_resident},
	{.name = "stats.mapped", .figure = FIGURE_mapped},
	{.name = "stats.retained", .figure = FIGURE_retained},
	{.name = "stats.arenas.4096.pdirty", .figure = FIGURE_dirty, .pages = true},
	{.name = "stats.arenas.4096.pmuzzy", .figure = FIGURE_muzzy, .pages = true},
	{.name = "stats.arenas.4096.tcache_bytes", .figure = FIGURE_cached},
};
static struct statistic threads = {.name = "stats.arenas.4096.nthreads"};
static struct statistic initialized = {.name = "arena.0.initialized"};
static struct statistic epoch = {.name = "epoch"};
static struct statistic thread_given = {.name = "thread.allocated"}, thread_taken = {.name = "thread.deallocated"};

static struct {
	int (*mallctl)(const char *, void *, size_t *, void *, size_t);
	int (*to_mib)(const char *, size_t *, size_t *);
	int (*by_mib)(const size_t *, size_t, void *, size_t *, void *, size_t);
	void (*print)(void (*)(void *, const char *), void *, const char *);
	size_t page;
} jemalloc;

static bool resolve(struct statistic *statistic) {
	size_t length = LONGEST_MIB;
	if (jemalloc.to_mib(statistic->name, statistic->mib, &length) != 0) return false;
	statistic->length = length;
	return true;
}

static bool read_mib(const struct statistic *statistic, void *value, size_t size) {
	size_t got = size;
	return statistic->length && jemalloc.by_mib(statistic->mib, statistic->length, value, &got, NULL, 0) == 0 &&
	       got == size;
}

static bool read_name(const char *name, void *value, size_t size) {
	size_t got = size;
	return jemalloc.mallctl(name, value, &got, NULL, 0) == 0 && got == size;
}

static bool bind(const struct loaded_object *owner) {
	BIND(jemalloc.mallctl, owner, "mallctl");
	BIND(jemalloc.to_mib, owner, "mallctlnametomib");
	BIND(jemalloc.by_mib, owner, "mallctlbymib");
	BIND(jemalloc.print, owner, "malloc_stats_print");
	if (!jemalloc.mallctl || !jemalloc.to_mib || !jemalloc.by_mib) return false;
	if (!read_name("arenas.page", &jemalloc.page, sizeof jemalloc.page)) return false;
	/* a jemalloc that was built without statistics lacks most of these; they stay absent */
	for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++) resolve(&statistics[i]);
	resolve(&threads);
	resolve(&initialized);
	resolve(&epoch);
	resolve(&thread_given);
	resolve(&thread_taken);
	return true;
}

/* "5.3.0-0-g54eaed1d8b56b1aa..." is the version, the commits since it and the commit. */
static bool version(char *out, size_t size) {
	const char *text;
	if (!read_name("version", &text, sizeof text)) return false;
	snprintf(out, size, "%.*s", (int)strcspn(text, "-"), text);
	return true;
}

/* The thread's own count of bytes it was given must move by at least what was taken. */
static enum proof prove(take_block take, give_back_block give_back) {
	enum { TAKEN = 5000 };
	uint64_t before, after;
	if (!read_name("thread.allocated", &before, sizeof before)) return PROOF_NONE;
	void *block = take(TAKEN);
	if (!block) return PROOF_NONE;
	bool read = read_name("thread.allocated", &after, sizeof after);
	give_back(block);
	if (!read) return PROOF_NONE;
	return after - before >= TAKEN ? PROOF_CONFIRMED : PROOF_REFUTED;
}

/* "arenas.narenas" is a limit: those in use are the ones that were initialized. */
static void count_arenas(struct sample *out) {
	unsigned limit;
	uint64_t count = 0;
	if (!initialized.length || !read_name("arenas.narenas", &limit, sizeof limit)) return;
	struct statistic arena = initialized;
	for (arena.mib[1] = 0; arena.mib[1] < limit; arena.mib[1]++) {
		bool in_use;
		if (read_mib(&arena, &in_use, sizeof in_use)) count += in_use;
	}
	sample_set(out, FIGURE_arenas, count);
}

static void sample(struct sample *out) {
	uint64_t now = 1;
	if (!epoch.length || jemalloc.by_mib(epoch.mib, epoch.length, NULL, NULL, &now, sizeof now) != 0) return;
	for (size_t i = 0; i < sizeof statistics / sizeof *statistics; i++) {
		size_t value;
		if (read_mib(&statistics[i], &value, sizeof value))
			sample_set(out, statistics[i].figure, statistics[i].pages ? value * jemalloc.page : value);
	}
	unsigned thread_count;
	if (read_mib(&threads, &thread_count, sizeof thread_count)) sample_set(out, FIGURE_threads, thread_count);
	count_arenas(out);
}

static bool thread_bytes(uint64_t *given, uint64_t *taken) {
	return read_mib(&thread_given, given, sizeof *given) && read_mib(&thread_taken, taken, sizeof *taken);
}

static void append_to_text(void *text, const char *string) {
	text_append_string(text, string);
}

static enum status stats_dump(struct text *out) {
	if (!jemalloc.print) return STATUS_UNSUPPORTED;
	jemalloc.print(append_to_text, out, "J");
	return out->status;
}

static const char *stats_dump_format(void) {
	return "jemalloc_json";
}

static void purge_thread(void) {
	jemalloc.mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
}

static enum status purge(void) {
	return jemalloc.mallctl("arena.4096.purge", NULL, NULL, NULL, 0) == 0 ? STATUS_OK : STATUS_UNSUPPORTED;
}

/*
 * A child has no background threads, and jemalloc turns its switch off in it (jemalloc(3), "background_thread") while
 * opt.background_thread goes on saying true; writing the switch starts them again.
 */
static bool had_background_threads;
static unsigned noted_in; /* the generation of the process in which that was so */

static bool background_threads_run(void) {
	bool running;
	return read_name("background_thread", &running, sizeof running) && running;
}

static void before_fork(void) {
	/* of two forks in a row the second must not forget what the first took and nobody has brought back yet */
	if (had_background_threads && noted_in != process_generation()) return;
	had_background_threads = background_threads_run();
	noted_in = process_generation();
}

static bool after_fork(void) {
	bool on = true;
	noted_in = process_generation();
	if (!had_background_threads || background_threads_run()) return false;
	return jemalloc.mallctl("background_thread", NULL, NULL, &on, sizeof on) == 0;
}

const struct allocator allocator_jemalloc = {
	.name = "jemalloc",
	.mark = "mallctl",
	.figures = FIGURE_BIT(allocated) | FIGURE_BIT(active) | FIGURE_BIT(metadata) | FIGURE_BIT(resident) |
		   FIGURE_BIT(mapped) | FIGURE_BIT(retained) | FIGURE_BIT(dirty) | FIGURE_BIT(muzzy) |
		   FIGURE_BIT(cached) | FIGURE_BIT(threads) | FIGURE_BIT(arenas),
	.bind = bind,
	.version = version,
	.prove = prove,
	.sample = sample,
	.thread_bytes = thread_bytes,
	.stats_dump = stats_dump,
	.stats_dump_format = stats_dump_format,
	.purge_thread = purge_thread,
	.purge = purge,
	.before_fork = before_fork,
	.after_fork = after_fork,
	.purge_thread_words = "thread.tcache.flush",
	.purge_words = "arena.4096.purge",
};
