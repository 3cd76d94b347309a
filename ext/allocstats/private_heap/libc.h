/*
 * The private heap on the process's own malloc, for the C tests of the core: under a sanitizer or valgrind every block
 * must be one that they know. Never built into a gem that measures.
 */
#ifndef ALLOCSTATS_PRIVATE_HEAP_LIBC_H
#define ALLOCSTATS_PRIVATE_HEAP_LIBC_H

#include <malloc.h>
#include <stdlib.h>

#define BACKEND_NAME "libc"

static inline void backend_init(void) {}

static inline void *backend_alloc(size_t bytes) {
	return calloc(1, bytes);
}

static inline void *backend_resize(void *block, size_t bytes) {
	return realloc(block, bytes);
}

static inline void backend_free(void *block) {
	free(block);
}

static inline void backend_purge(void) {}

static inline size_t backend_usable(void *block) {
	return malloc_usable_size(block);
}

#endif
