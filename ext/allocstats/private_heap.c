#include "private_heap.h"

#include <stdatomic.h>
#include <stdbool.h>

#if defined(ALLOCSTATS_PRIVATE_MIMALLOC)
#	include "private_heap/mimalloc.h"
#elif defined(ALLOCSTATS_PRIVATE_JEMALLOC)
#	include "private_heap/jemalloc.h"
#elif defined(ALLOCSTATS_PRIVATE_LIBC)
#	include "private_heap/libc.h"
#else
#	error "define ALLOCSTATS_PRIVATE_MIMALLOC, ALLOCSTATS_PRIVATE_JEMALLOC or ALLOCSTATS_PRIVATE_LIBC: extconf.rb does"
#endif

#ifndef ALLOCSTATS_PRIVATE_VERSION
#	error "define ALLOCSTATS_PRIVATE_VERSION as the version of the linked-in allocator, a string: extconf.rb does"
#endif

/* No order is needed between a counter and the blocks it counts: each is a number that somebody reads now and then. */
static atomic_uint_fast64_t held[PRIVATE_PURPOSE_COUNT];

static void count(enum private_purpose purpose, size_t bytes) {
	atomic_fetch_add_explicit(&held[purpose], bytes, memory_order_relaxed);
}

static void uncount(enum private_purpose purpose, size_t bytes) {
	atomic_fetch_sub_explicit(&held[purpose], bytes, memory_order_relaxed);
}

/* Past this no pointer difference is defined; refusing here keeps the allocators from warning or aborting. */
static bool absurd(size_t bytes) {
	return bytes > PTRDIFF_MAX;
}

void private_heap_init(void) {
	backend_init();
}

void *private_alloc(enum private_purpose purpose, size_t bytes) {
	if (absurd(bytes)) return NULL;
	void *block = backend_alloc(bytes > 0 ? bytes : 1);
	if (block) count(purpose, backend_usable(block));
	return block;
}

void *private_resize(enum private_purpose purpose, void *block, size_t bytes) {
	if (!block) return private_alloc(purpose, bytes);
	if (absurd(bytes)) return NULL;
	size_t before = backend_usable(block);
	void *resized = backend_resize(block, bytes > 0 ? bytes : 1);
	if (!resized) return NULL;
	count(purpose, backend_usable(resized));
	uncount(purpose, before);
	return resized;
}

void private_free(enum private_purpose purpose, void *block) {
	if (!block) return;
	uncount(purpose, backend_usable(block));
	backend_free(block);
}

uint64_t private_held(enum private_purpose purpose) {
	return atomic_load_explicit(&held[purpose], memory_order_relaxed);
}

void private_heap_purge(void) {
	backend_purge();
}

const char *private_heap_allocator(void) {
	return BACKEND_NAME;
}

const char *private_heap_version(void) {
	return ALLOCSTATS_PRIVATE_VERSION;
}
