/*
 * Where Ruby keeps its objects: what can be proven from the headers it writes, without Ruby. Nothing here needs the
 * GVL, and nothing is changed.
 */
#ifndef ALLOCSTATS_RESIDENCY_RUBY_H
#define ALLOCSTATS_RESIDENCY_RUBY_H

#include "residency.h"

/* What Ruby said of its heap, with the GVL. */
struct ruby_heap {
	uint64_t page_bytes;        /* size of a page of slots, and its alignment; 0: nothing is known */
	struct owned_ranges pages;  /* those that Ruby has named: all, some, or none */
	uint64_t unnamed;           /* how many more there are; they are looked for */
	uint64_t in_transient_heap; /* an address in it, 0 where this Ruby has none */
};

/*
 * Finds the pages that Ruby has not named, those without slots as MAPPING_KIND_ruby_heap_empty. A page begins with the
 * address of Ruby's record of it, and (in newer Rubies) the record holds the page's own address: at an offset that is
 * learned from the pages that were named. Beside it stands where the page's slots begin, which is nowhere for a page
 * that Ruby keeps without a use. The named pages must be settled. False where they do not tell enough.
 */
bool ruby_pages_own_ranges(const struct mappings *mappings, const struct ruby_heap *heap, struct owned_ranges *owned);

/*
 * Finds the transient heap (before Ruby 3.3): 1024 blocks of 32 KiB in a row, each of whose headers is sound and
 * points to another of them or to none. Once proven it is remembered: it stays where it is for as long as the process
 * lives. False where it is not found.
 */
bool transient_heap_own_range(const struct mappings *mappings, uint64_t inside, struct owned_ranges *owned);

#endif
