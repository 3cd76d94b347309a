#include "heap_profile/id_index.h"
#include "private_heap.h"

enum { FIRST_CAPACITY = 256 };

uint32_t id_index_find(const struct id_index *index, uint64_t key) {
	if (index->capacity == 0) return NO_ID;
	size_t mask = index->capacity - 1;
	for (size_t i = key & mask; index->places[i].id; i = (i + 1) & mask)
		if (index->places[i].key == key) return index->places[i].id - 1;
	return NO_ID;
}

static void put(struct id_index *index, uint64_t key, uint32_t id) {
	size_t mask = index->capacity - 1, i = key & mask;
	while (index->places[i].id) i = (i + 1) & mask;
	index->places[i].key = key;
	index->places[i].id = id;
}

static bool grow(struct id_index *index) {
	struct id_index larger = {
		.capacity = index->capacity ? index->capacity * 2 : FIRST_CAPACITY, .count = index->count};
	larger.places = private_alloc(PRIVATE_heap_profile, larger.capacity * sizeof *larger.places);
	if (!larger.places) return false;
	for (size_t i = 0; i < index->capacity; i++)
		if (index->places[i].id) put(&larger, index->places[i].key, index->places[i].id);
	private_free(PRIVATE_heap_profile, index->places);
	*index = larger;
	return true;
}

bool id_index_add(struct id_index *index, uint64_t key, uint32_t id) {
	if (index->count * 4 >= index->capacity * 3 && !grow(index)) return false;
	put(index, key, id + 1);
	index->count++;
	return true;
}

void id_index_clear(struct id_index *index) {
	private_free(PRIVATE_heap_profile, index->places);
	*index = (struct id_index){0};
}
