/*
 * Who holds which pages inside a mapping. The kernel merges neighbouring anonymous mappings, so one of them can hold
 * pages of Ruby's heap, a thread's stack and blocks of malloc at once. Those who know where their memory lies name
 * its ranges of addresses; the resident pages of each are counted and taken from the mapping's own kind.
 */
#ifndef ALLOCSTATS_RESIDENCY_H
#define ALLOCSTATS_RESIDENCY_H

#include "smaps.h"

struct owned_range {
	uint64_t start, end;
	enum mapping_kind kind;
};

struct owned_ranges {
	struct owned_range *items;
	size_t count, capacity;
	bool incomplete; /* the private heap refused: some ranges are missing */
};

/* In any order, overlaps allowed. */
void owned_ranges_add(struct owned_ranges *owned, uint64_t start, uint64_t end, enum mapping_kind kind);

/* Sorts, joins neighbours of one kind, and gives what two own to the one that begins first. */
void owned_ranges_settle(struct owned_ranges *owned);

/* Adds to `owned` what `weaker` has and `owned` has not. Both must be settled, and are afterwards. */
void owned_ranges_add_weaker(struct owned_ranges *owned, const struct owned_ranges *weaker);

/* The range that holds an address, or NULL; settled ranges only. */
const struct owned_range *owned_ranges_find(const struct owned_ranges *owned, uint64_t address);

void owned_ranges_free(struct owned_ranges *owned);

/* Finds what an allocator keeps in this process; `known` are the settled ranges of others (allocator.h, find_heaps).
 */
typedef struct reading (*heaps_finder)(
	const struct mappings *mappings, const struct owned_ranges *known, struct owned_ranges *owned);

/* Counts the resident bytes between two addresses. */
typedef uint64_t (*residency_counter)(uint64_t start, uint64_t end);

/* By mincore(2), of the calling process. What is not mapped any more counts 0. */
uint64_t residency_count(uint64_t start, uint64_t end);

/*
 * Sums the mappings into `kinds`, each range's part under the range's kind. The parts of a mapping always add up to the
 * mapping: the kernel's Rss is what is divided, and a count that exceeds what is left of it is clamped. Other figures
 * are divided in the proportion of the resident bytes, or of the extent where nothing is resident.
 */
void residency_divide(const struct mappings *mappings, const struct owned_ranges *owned, residency_counter count,
	struct mapping_figures kinds[MAPPING_KIND_COUNT]);

#endif
