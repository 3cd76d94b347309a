#include "heap_profile/pool.h"
#include "private_heap.h"

uint32_t pool_add(struct pool *pool) {
	if (pool->count >= pool->limit) return POOL_FULL;
	void **chunk = &pool->chunks[pool->count / POOL_CHUNK];
	if (!*chunk) *chunk = private_alloc(PRIVATE_heap_profile, (size_t)POOL_CHUNK * pool->record_bytes);
	return *chunk ? pool->count++ : POOL_FULL;
}

void *pool_at(const struct pool *pool, uint32_t index) {
	return (char *)pool->chunks[index / POOL_CHUNK] + (size_t)(index % POOL_CHUNK) * pool->record_bytes;
}

void pool_clear(struct pool *pool) {
	for (uint32_t i = 0; i < POOL_CHUNKS && pool->chunks[i]; i++) {
		private_free(PRIVATE_heap_profile, pool->chunks[i]);
		pool->chunks[i] = NULL;
	}
	pool->count = 0;
}
