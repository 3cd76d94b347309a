#include "stats.h"

#include <stdlib.h>
#include <string.h>

/* A count is {total, peak, current}, a counter {total}, each int64_t. */
enum {
	HEADER_BYTES = 2 * sizeof(size_t), /* size, version */
	COUNT_BYTES = 3 * sizeof(int64_t),
	COUNTER_BYTES = sizeof(int64_t),
	CURRENT_IN_COUNT = 2 * sizeof(int64_t),
	RESERVED_COUNTS = 4,
	RESERVED_COUNTERS = 4,
	FIRST_VERSION_WITH_SIZE = 4
};

static const char *const stat_names[MIMALLOC_STAT_COUNT] = {
	[MIMALLOC_STAT_reserved] = "reserved",
	[MIMALLOC_STAT_committed] = "committed",
	[MIMALLOC_STAT_threads] = "threads",
	[MIMALLOC_STAT_allocated] = "allocated",
	[MIMALLOC_STAT_arena_count] = "arena_count",
};

/* The text after `"key":`, or NULL. */
static const char *after_key(const char *json, const char *key) {
	size_t length = strlen(key);
	for (const char *at = strchr(json, '"'); at; at = strchr(at + 1, '"'))
		if (strncmp(at + 1, key, length) == 0 && at[1 + length] == '"' && at[2 + length] == ':')
			return at + 3 + length;
	return NULL;
}

static void note_offset(struct mimalloc_layout *layout, const char *name, size_t length, size_t offset) {
	for (size_t i = 0; i < MIMALLOC_STAT_COUNT; i++)
		if (strlen(stat_names[i]) == length && strncmp(stat_names[i], name, length) == 0)
			layout->offset[i] = offset;
}

/* Walks `"name": {...}` and `"name": number` up to the first array, which begins the bins; returns where that is. */
static const char *learn_fields(struct mimalloc_layout *layout, const char *at, size_t *offset) {
	while ((at = strchr(at, '"'))) {
		const char *name = at + 1, *end = strchr(name, '"');
		if (!end || end[1] != ':') return NULL;
		const char *value = end + 2 + strspn(end + 2, " ");
		if (*value == '[') return at;
		bool count = *value == '{';
		note_offset(layout, name, (size_t)(end - name), *offset + (count ? CURRENT_IN_COUNT : 0));
		*offset += count ? COUNT_BYTES : COUNTER_BYTES;
		at = count ? strchr(value, '}') : value;
		if (!at) return NULL;
	}
	return NULL;
}

static size_t count_bins(const char *at) {
	size_t bins = 0;
	while ((at = strchr(at, '{'))) {
		bins++;
		at++;
	}
	return bins;
}

bool mimalloc_layout_learn(struct mimalloc_layout *out, const char *json) {
	*out = (struct mimalloc_layout){0};
	const char *version = after_key(json, "stat_version"), *process = after_key(json, "process");
	if (!version || !process || !(process = strchr(process, '}'))) return false;
	out->version = strtoul(version, NULL, 10);
	if (out->version < FIRST_VERSION_WITH_SIZE) return false;
	size_t offset = HEADER_BYTES;
	const char *bins = learn_fields(out, process, &offset);
	if (!bins) return false;
	offset += RESERVED_COUNTS * COUNT_BYTES + RESERVED_COUNTERS * COUNTER_BYTES;
	out->size = offset + count_bins(bins) * COUNT_BYTES;
	return out->size <= MIMALLOC_STATS_LARGEST;
}

bool mimalloc_layout_read(
	const struct mimalloc_layout *layout, const void *stats, enum mimalloc_stat stat, uint64_t *out) {
	int64_t value;
	if (!layout->offset[stat]) return false;
	memcpy(&value, (const char *)stats + layout->offset[stat], sizeof value);
	if (value < 0) return false; /* counted by several threads without a lock: can be caught below zero */
	*out = (uint64_t)value;
	return true;
}
