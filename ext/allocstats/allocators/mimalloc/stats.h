/*
 * mimalloc's mi_stats_t without its header. The struct grows from version to version, but the running library prints
 * its fields as JSON in the order in which the struct holds them, so the layout is learnt from that once; mi_stats_get
 * then refuses a struct whose size or version is not its own, so a layout learnt wrongly reads nothing.
 */
#ifndef ALLOCSTATS_MIMALLOC_STATS_H
#define ALLOCSTATS_MIMALLOC_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mimalloc_stat {
	MIMALLOC_STAT_reserved,
	MIMALLOC_STAT_committed,
	MIMALLOC_STAT_threads,
	MIMALLOC_STAT_allocated,
	MIMALLOC_STAT_arena_count,
	MIMALLOC_STAT_COUNT
};

/* Of each stat the offset of its `current` (or, of a counter, its `total`) in the struct; 0 where there is none. */
struct mimalloc_layout {
	size_t size, version;
	size_t offset[MIMALLOC_STAT_COUNT];
};

enum { MIMALLOC_STATS_LARGEST = 32 * 1024 };

/*
 * False where the text is not of a version that has `bool mi_stats_get(mi_stats_t *)`: before 2.3 and 3.2.8 the
 * function had another signature, and the JSON has no "stat_version".
 */
bool mimalloc_layout_learn(struct mimalloc_layout *out, const char *json);

/* Reads one stat out of a filled struct; false where the layout has it not. */
bool mimalloc_layout_read(
	const struct mimalloc_layout *layout, const void *stats, enum mimalloc_stat stat, uint64_t *out);

#endif
