/*
 * Records that are added one after the other and stay where they are, so that a reader needs no lock for those it knows
 * of. They live in the private heap, in chunks, up to a limit.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_POOL_H
#define ALLOCSTATS_HEAP_PROFILE_POOL_H

#include <stdint.h>

enum { POOL_CHUNK = 1024, POOL_CHUNKS = 1024 };
#define POOL_FULL UINT32_MAX

struct pool {
	uint32_t record_bytes, count, limit; /* limit: at most POOL_CHUNK * POOL_CHUNKS */
	void *chunks[POOL_CHUNKS];
};

/* The index of a zeroed record, or POOL_FULL. */
uint32_t pool_add(struct pool *pool);
void *pool_at(const struct pool *pool, uint32_t index);
void pool_clear(struct pool *pool);

#endif
