/*
 * The private heap on jemalloc, whose names and environment variable carry a prefix of ours. Its options (one arena, no
 * background thread, no huge pages, a short decay) are compiled in by extconf.rb.
 */
#ifndef ALLOCSTATS_PRIVATE_HEAP_JEMALLOC_H
#define ALLOCSTATS_PRIVATE_HEAP_JEMALLOC_H

#include <jemalloc/jemalloc.h>

#define BACKEND_NAME "jemalloc"

static inline void backend_init(void) {}

static inline void *backend_alloc(size_t bytes) {
	return allocstats_private_calloc(1, bytes);
}

static inline void *backend_resize(void *block, size_t bytes) {
	return allocstats_private_realloc(block, bytes);
}

static inline void backend_free(void *block) {
	allocstats_private_free(block);
}

static inline void backend_purge(void) {
	allocstats_private_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	allocstats_private_mallctl("arena.4096.purge", NULL, NULL, NULL, 0);
}

static inline size_t backend_usable(const void *block) {
	return allocstats_private_sallocx(block, 0);
}

#endif
