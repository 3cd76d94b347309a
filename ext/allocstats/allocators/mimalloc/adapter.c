/*
 * mimalloc. Committed bytes come from mi_process_info, which every version has; more comes from mi_stats_get where the
 * version offers it (2.3 and 3.2.8 on). Before that the statistics are text, given as the stats dump.
 */
#include "allocator.h"
#include "ownership.h"
#include "private_heap.h"
#include "purge_options.h"
#include "stats.h"
#include "version.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* "allocated" is counted block by block, and by all threads together, from this layout on; before it means less. */
enum { FIRST_VERSION_WITH_ALLOCATED = 6, LONGEST_JSON = 256 * 1024 };

static struct {
	int (*version)(void);
	void (*process_info)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *);
	bool (*in_heap_region)(const void *);
	bool (*stats_get)(void *);
	char *(*stats_get_json)(size_t, char *);
	void (*stats_print_out)(void (*)(const char *, void *), void *);
	void (*stats_merge)(void);
	void (*collect)(bool force);
	struct mimalloc_layout layout;
} mimalloc;

/* Learns the layout of the running version's statistics, and forgets mi_stats_get where it has none to fit. */
static void learn_layout(void) {
	char *json =
		mimalloc.stats_get && mimalloc.stats_get_json ? private_alloc(PRIVATE_readings, LONGEST_JSON) : NULL;
	if (!json || !mimalloc.stats_get_json(LONGEST_JSON, json) || !mimalloc_layout_learn(&mimalloc.layout, json))
		mimalloc.stats_get = NULL;
	private_free(PRIVATE_readings, json);
}

static bool bind(const struct loaded_object *owner) {
	BIND(mimalloc.version, owner, "mi_version");
	BIND(mimalloc.process_info, owner, "mi_process_info");
	BIND(mimalloc.in_heap_region, owner, "mi_is_in_heap_region");
	BIND(mimalloc.stats_get, owner, "mi_stats_get");
	BIND(mimalloc.stats_get_json, owner, "mi_stats_get_json");
	BIND(mimalloc.stats_print_out, owner, "mi_stats_print_out");
	BIND(mimalloc.stats_merge, owner, "mi_stats_merge");
	BIND(mimalloc.collect, owner, "mi_collect");
	if (!mimalloc.version) return false;
	learn_layout();
	return true;
}

static bool version(char *out, size_t size) {
	int number = mimalloc_plain_version(mimalloc.version());
	snprintf(out, size, "%d.%d.%d", number / 10000, number / 100 % 100, number % 100);
	return true;
}

static enum proof prove(take_block take, give_back_block give_back) {
	if (!mimalloc.in_heap_region) return PROOF_NONE;
	void *block = take(64);
	if (!block) return PROOF_NONE;
	enum proof proof = mimalloc.in_heap_region(block) ? PROOF_CONFIRMED : PROOF_REFUTED;
	give_back(block);
	return proof;
}

static void sample_stats(struct sample *out, uint64_t committed) {
	union {
		size_t header[2];
		char bytes[MIMALLOC_STATS_LARGEST];
	} stats;
	memset(stats.bytes, 0, mimalloc.layout.size);
	stats.header[0] = mimalloc.layout.size;
	stats.header[1] = mimalloc.layout.version;
	if (!mimalloc.stats_get(&stats)) return;

	uint64_t value;
	const struct mimalloc_layout *layout = &mimalloc.layout;
	if (mimalloc_layout_read(layout, &stats, MIMALLOC_STAT_reserved, &value) && value >= committed)
		sample_set(out, FIGURE_retained, value - committed);
	if (mimalloc_layout_read(layout, &stats, MIMALLOC_STAT_threads, &value)) sample_set(out, FIGURE_threads, value);
	if (mimalloc_layout_read(layout, &stats, MIMALLOC_STAT_arena_count, &value))
		sample_set(out, FIGURE_arenas, value);
	/* a build without statistics leaves it 0, and that means "don't know" */
	if (layout->version >= FIRST_VERSION_WITH_ALLOCATED &&
		mimalloc_layout_read(layout, &stats, MIMALLOC_STAT_allocated, &value) && value > 0)
		sample_set(out, FIGURE_allocated, value);
}

static void sample(struct sample *out) {
	size_t elapsed, user, system, rss, peak_rss, committed, peak_committed, faults;
	if (!mimalloc.process_info) return;
	mimalloc.process_info(&elapsed, &user, &system, &rss, &peak_rss, &committed, &peak_committed, &faults);
	sample_set(out, FIGURE_committed, committed);
	if (mimalloc.stats_get) sample_stats(out, committed);
}

static void append_to_text(const char *string, void *text) {
	text_append_string(text, string);
}

/* The text has this thread's counts in it; for JSON before 3.2 they have to be added to the sums first. */
static enum status stats_dump(struct text *out) {
	if (mimalloc.stats_get_json) {
		if (mimalloc.stats_merge) mimalloc.stats_merge();
		if (!text_reserve(out, LONGEST_JSON)) return STATUS_NO_MEMORY;
		if (!mimalloc.stats_get_json(LONGEST_JSON, out->bytes)) return STATUS_UNREADABLE;
		out->length = strnlen(out->bytes, LONGEST_JSON);
		return STATUS_OK;
	}
	if (!mimalloc.stats_print_out) return STATUS_UNSUPPORTED;
	mimalloc.stats_print_out(append_to_text, out);
	return out->status;
}

static const char *stats_dump_format(void) {
	return mimalloc.stats_get_json ? "mimalloc_json" : "mimalloc_text";
}

/* mi_collect frees the empty pages of the calling thread's heap and of abandoned ones, and purges the arenas. */
static void purge_thread(void) {
	if (mimalloc.collect) mimalloc.collect(true);
}

/* Arenas are purged with the user's options in force: a version that purges at once schedules nothing to be purged. */
static enum status purge(void) {
	if (!mimalloc.collect) return STATUS_UNSUPPORTED;
	mimalloc.collect(true);
	return STATUS_OK;
}

const struct allocator allocator_mimalloc = {
	.name = "mimalloc",
	.mark = "mi_version",
	.figures = FIGURE_BIT(allocated) | FIGURE_BIT(committed) | FIGURE_BIT(retained) | FIGURE_BIT(threads) |
		   FIGURE_BIT(arenas),
	.notes = {[FIGURE_allocated] =
			  "counted when a page of blocks is revisited, so it lags behind by up to some megabytes"},
	.bind = bind,
	.version = version,
	.prove = prove,
	.sample = sample,
	.stats_dump = stats_dump,
	.stats_dump_format = stats_dump_format,
	.purge_begin = mimalloc_purge_begin,
	.purge_end = mimalloc_purge_end,
	.purge_thread = purge_thread,
	.purge = purge,
	.purge_begin_words = "mi_option_set",
	.purge_thread_words = "mi_collect(true)",
	.purge_words = "mi_collect(true)",
};
