/*
 * Reading this process's memory at addresses of which nobody vouches: through /proc/self/mem, so that what is unmapped
 * meanwhile is no fault, and only where it is resident, since reading would bring it in.
 */
#ifndef ALLOCSTATS_OWN_MEMORY_H
#define ALLOCSTATS_OWN_MEMORY_H

#include "line_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct own_memory {
	int descriptor;
	uint64_t page;
};

struct reading own_memory_open(struct own_memory *memory);
void own_memory_close(const struct own_memory *memory);

/* False where not all of it can be had. */
bool own_memory_peek(const struct own_memory *memory, uint64_t address, void *out, size_t size);

#endif
