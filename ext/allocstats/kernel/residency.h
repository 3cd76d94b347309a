/*
 * Who holds which pages inside a mapping. The kernel merges neighbouring anonymous mappings, so one of them can hold
 * pages of Ruby's heap, a thread's stack and blocks of malloc at once. Those who know where their memory lies claim
 * ranges of addresses; the resident pages of each claim are counted and taken from the mapping's own kind.
 */
#ifndef ALLOCSTATS_RESIDENCY_H
#define ALLOCSTATS_RESIDENCY_H

#include "smaps.h"

struct claim {
	uint64_t start, end;
	enum mapping_kind kind;
};

struct claims {
	struct claim *items;
	size_t count, capacity;
	bool incomplete; /* the private heap refused: some claims are missing */
};

/* In any order, overlaps allowed. */
void claims_add(struct claims *claims, uint64_t start, uint64_t end, enum mapping_kind kind);

/* Sorts, joins neighbours of one kind, and gives what two claim to the one that begins first. */
void claims_settle(struct claims *claims);

/* Adds to `claims` what `weaker` claims and `claims` does not. Both must be settled, and are afterwards. */
void claims_add_weaker(struct claims *claims, const struct claims *weaker);

/* The claim that holds an address, or NULL; settled claims only. */
const struct claim *claims_find(const struct claims *claims, uint64_t address);

void claims_free(struct claims *claims);

/* Claims what an allocator keeps in this process; `known` are the settled claims of others (allocator.h, claim_heaps).
 */
typedef struct reading (*heaps_claimer)(
	const struct mappings *mappings, const struct claims *known, struct claims *claims);

/* Counts the resident bytes between two addresses. */
typedef uint64_t (*residency_counter)(uint64_t start, uint64_t end);

/* By mincore(2), of the calling process. What is not mapped any more counts 0. */
uint64_t residency_count(uint64_t start, uint64_t end);

/*
 * Sums the mappings into `kinds`, each claim's part under the claim's kind. The parts of a mapping always add up to the
 * mapping: the kernel's Rss is what is divided, and a count that exceeds what is left of it is clamped. Other figures
 * are divided in the proportion of the resident bytes, or of the extent where nothing is resident.
 */
void residency_divide(const struct mappings *mappings, const struct claims *claims, residency_counter count,
	struct mapping_figures kinds[MAPPING_KIND_COUNT]);

#endif
