/* Where glibc's malloc keeps its memory: what can be proven from the headers it writes. */
#ifndef ALLOCSTATS_RESIDENCY_GLIBC_H
#define ALLOCSTATS_RESIDENCY_GLIBC_H

#include "kernel/residency.h"

/*
 * Claims, among the nameless anonymous mappings, the heaps of the arenas (regions at multiples of 64 MiB, or of four
 * huge pages, by their heap_info header) and the blocks that have a mapping of their own (by the size word before the
 * block). `known` are the settled claims of others, to be passed over. The headers are read through /proc/self/mem, so
 * memory that is unmapped meanwhile is no fault. What cannot be proven stays unclaimed. Only for a process whose malloc
 * is glibc's.
 */
struct reading glibc_claim(const struct mappings *mappings, const struct claims *known, struct claims *claims);

#endif
