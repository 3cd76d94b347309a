/*
 * Finds the number of a record by its key, a 64-bit hash that stands for it: keys of at most 64 bits are hashed without
 * a loss, and two stacks among a million share a hash once in 30 million profiles.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_ID_INDEX_H
#define ALLOCSTATS_HEAP_PROFILE_ID_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NO_ID UINT32_MAX

struct id_index {
	struct {
		uint64_t key;
		uint32_t id; /* one more than the number; 0 where the place is free */
	} * places;
	size_t capacity, count; /* capacity is 0 or a power of two */
};

/* NO_ID where there is none. */
uint32_t id_index_find(const struct id_index *index, uint64_t key);
/* A key that is not there yet; false when there is no memory. */
bool id_index_add(struct id_index *index, uint64_t key, uint32_t id);
void id_index_clear(struct id_index *index);

/* Mixes all bits into all others, and no two numbers into one. */
static inline uint64_t mix_bits(uint64_t bits) {
	bits ^= bits >> 33;
	bits *= UINT64_C(0xFF51AFD7ED558CCD);
	bits ^= bits >> 33;
	bits *= UINT64_C(0xC4CEB9FE1A85EC53);
	return bits ^ bits >> 33;
}

#endif
