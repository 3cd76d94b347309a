#define _GNU_SOURCE
#include "allocator.h"
#include "ownership.h"

#include <pthread.h>

const struct allocator *const allocators[ALLOCATOR_COUNT] = {
#define ALLOCATOR(name) &allocator_##name,
#include "allocators.def"
};

static const struct allocator *current = &allocator_unknown;
static struct loaded_object owner; /* stays open: the bound functions live in it */
static bool owner_found;

/* The global search order is fixed when the process starts, so the owner is looked up once. */
static void bind_current(void) {
	owner_found = ownership_of_malloc(&owner);
	if (!owner_found) return;
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		if (allocators[i]->bind(&owner)) {
			current = allocators[i];
			return;
		}
}

const struct allocator *allocator_current(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, bind_current);
	return current;
}

const struct loaded_object *allocator_owner(void) {
	allocator_current();
	return owner_found ? &owner : NULL;
}

void allocator_sample(struct sample *out) {
	const struct allocator *allocator = allocator_current();
	out->present = 0;
	if (allocator->sample) allocator->sample(out);
	sample_process(out);
}
