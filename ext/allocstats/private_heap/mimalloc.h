/*
 * The private heap on mimalloc: what private_heap.c needs of an allocator, in mimalloc's words.
 *
 * mimalloc has no handlers for fork. A thread that gives back another thread's block marks the page for a few
 * instructions, and the page's owner waits for the mark to go: where the owner forks in that moment, its child would
 * wait for a thread that it does not have. So one thread at a time is inside, and none while the process forks.
 */
#ifndef ALLOCSTATS_PRIVATE_HEAP_MIMALLOC_H
#define ALLOCSTATS_PRIVATE_HEAP_MIMALLOC_H

#include <mimalloc.h>
#include <pthread.h>

#define BACKEND_NAME "mimalloc"

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

static inline void leave(void) {
	pthread_mutex_unlock(&door);
}

static inline void enter_for_fork(void) {
	pthread_mutex_lock(&door);
}

/* A thread's first look at its own heap can make the C library allocate, which must not happen behind the door. */
static inline void enter(void) {
	mi_thread_init();
	pthread_mutex_lock(&door);
}

/* What is settled at compile time is settled in mimalloc.c; it says nothing on stderr, whatever goes wrong. */
static inline void backend_init(void) {
	mi_option_disable(mi_option_show_errors);
	mi_option_disable(mi_option_verbose);
	pthread_atfork(enter_for_fork, leave, leave);
}

static inline void *backend_alloc(size_t bytes) {
	enter();
	void *block = mi_zalloc(bytes);
	leave();
	return block;
}

static inline void *backend_resize(void *block, size_t bytes) {
	enter();
	void *resized = mi_realloc(block, bytes);
	leave();
	return resized;
}

static inline void backend_free(void *block) {
	enter();
	mi_free(block);
	leave();
}

/* The pages of this thread and of those that ended; another thread's free pages stay until it passes by here. */
static inline void backend_purge(void) {
	enter();
	mi_collect(true);
	leave();
}

static inline size_t backend_usable(const void *block) {
	return mi_usable_size(block);
}

#endif
