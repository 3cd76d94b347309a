/* Where glibc's malloc keeps its memory: what can be proven from the headers it writes. */
#ifndef ALLOCSTATS_RESIDENCY_GLIBC_H
#define ALLOCSTATS_RESIDENCY_GLIBC_H

#include "kernel/residency.h"

/*
 * Finds, among the nameless anonymous mappings, the heaps of the arenas (regions at multiples of 64 MiB, or of four
 * huge pages, by their heap_info header) and the blocks that have a mapping of their own (by the size word before the
 * block). `known` are the settled ranges of others, to be passed over. The headers are read through /proc/self/mem, so
 * memory that is unmapped meanwhile is no fault. What cannot be proven stays nobody's. Only for a process whose malloc
 * is glibc's.
 */
struct reading glibc_own_ranges(
	const struct mappings *mappings, const struct owned_ranges *known, struct owned_ranges *owned);

#endif
