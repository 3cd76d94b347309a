/* The private heap on mimalloc: what private_heap.c needs of an allocator, in mimalloc's words. */
#ifndef ALLOCSTATS_PRIVATE_HEAP_MIMALLOC_H
#define ALLOCSTATS_PRIVATE_HEAP_MIMALLOC_H

#include <mimalloc.h>

#define BACKEND_NAME "mimalloc"

/* What is settled at compile time is settled in mimalloc.c; it says nothing on stderr, whatever goes wrong. */
static inline void backend_init(void) {
	mi_option_disable(mi_option_show_errors);
	mi_option_disable(mi_option_verbose);
}

static inline void *backend_alloc(size_t bytes) {
	return mi_zalloc(bytes);
}

static inline void *backend_resize(void *block, size_t bytes) {
	return mi_realloc(block, bytes);
}

static inline void backend_free(void *block) {
	mi_free(block);
}

static inline size_t backend_usable(const void *block) {
	return mi_usable_size(block);
}

#endif
