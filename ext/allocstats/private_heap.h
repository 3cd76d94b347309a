/*
 * The extension's own memory. What allocstats keeps must not come from the malloc it measures, so it comes from an
 * allocator that is linked into the extension statically: private_heap.c is the only file that sees which one.
 *
 * Every block is taken for a purpose, and the bytes held for each purpose are counted: AllocStats.private_heap shows
 * them. All functions may be called from any thread, with or without the GVL, and in a forked child.
 */
#ifndef ALLOCSTATS_PRIVATE_HEAP_H
#define ALLOCSTATS_PRIVATE_HEAP_H

#include <stddef.h>
#include <stdint.h>

enum private_purpose {
#define PRIVATE_PURPOSE(name, definition) PRIVATE_##name,
#include "private_purposes.def"
#undef PRIVATE_PURPOSE
	PRIVATE_PURPOSE_COUNT
};

/* Chooses the allocator's options and makes it ready; called once, before any other function here. */
void private_heap_init(void);

/* A zero-filled block of `bytes`, or NULL. */
void *private_alloc(enum private_purpose purpose, size_t bytes);

/* Grows or shrinks a block that was taken for the same purpose; NULL (and the old block untouched) when it cannot. What
 * is added is not zeroed. */
void *private_resize(enum private_purpose purpose, void *block, size_t bytes);

/* Gives a block back; NULL is allowed. */
void private_free(enum private_purpose purpose, void *block);

/* Usable bytes held at this moment for one purpose. */
uint64_t private_held(enum private_purpose purpose);

/* Gives free pages back to the kernel. */
void private_heap_purge(void);

/* The linked-in allocator's name ("mimalloc", "jemalloc", "libc" in the tests of the core) and version ("2.0.9"). */
const char *private_heap_allocator(void);
const char *private_heap_version(void);

#endif
