/*
 * The sampled blocks that are alive, by address: open addressing with backward-shift deletion, so that a table that has
 * seen a million deaths is as quick as a new one. Before it stands the filter of hooks.h, whose bits it keeps.
 * Not for several threads at once: profile.c holds its lock.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_LIVE_TABLE_H
#define ALLOCSTATS_HEAP_PROFILE_LIVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIZE_BITS = 40, BIRTH_BITS = 24 };

struct live_sample {
	uintptr_t block;             /* 0 where the place is free */
	uint64_t size : SIZE_BITS;   /* a terabyte at most */
	uint64_t birth : BIRTH_BITS; /* after how many snapshots */
	uint32_t site, second;       /* where, and how long after the profile began */
};

struct live_table {
	struct live_sample *places;
	uint16_t *blocks_of_bit; /* how many blocks stand behind each bit of the filter */
	size_t capacity, count, limit;
};

bool live_table_init(struct live_table *table, size_t limit);
/* False when the table is at its limit, or has no memory to grow. A block that is there already died unseen. */
bool live_table_add(struct live_table *table, const struct live_sample *sample);
bool live_table_remove(struct live_table *table, const void *block, struct live_sample *removed);
void live_table_clear(struct live_table *table);

#endif
