#define _GNU_SOURCE
#include "purge.h"
#include "allocator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

static atomic_uintptr_t generation;

/* The generation that a thread has honoured; in a key and not in a thread-local variable, which could call malloc. */
static pthread_key_t honoured;

static _Atomic uint64_t purges_made, bytes_given_back;

static pthread_mutex_t options_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned options_users;

/* In a child nobody but the forking thread goes on, so what other threads had begun is ended here. Counting begins
 * anew. */
static void end_in_child(void) {
	pthread_mutex_init(&options_lock, NULL);
	if (options_users && allocator_current()->purge_end) allocator_current()->purge_end();
	options_users = 0;
	purges_made = bytes_given_back = 0;
}

void purge_init(void) {
	pthread_key_create(&honoured, NULL);
	pthread_atfork(NULL, NULL, end_in_child);
}

void purge_options_begin(void) {
	const struct allocator *allocator = allocator_current();
	pthread_mutex_lock(&options_lock);
	if (options_users++ == 0 && allocator->purge_begin) allocator->purge_begin();
	pthread_mutex_unlock(&options_lock);
}

void purge_options_end(void) {
	const struct allocator *allocator = allocator_current();
	pthread_mutex_lock(&options_lock);
	if (options_users && --options_users == 0 && allocator->purge_end) allocator->purge_end();
	pthread_mutex_unlock(&options_lock);
}

void purge_count(uint64_t released) {
	purges_made++;
	bytes_given_back += released;
}

void purge_counts(uint64_t *purges, uint64_t *bytes) {
	*purges = purges_made;
	*bytes = bytes_given_back;
}

void purge_ask_threads(void) {
	atomic_fetch_add(&generation, 1);
}

bool purge_this_thread(void) {
	const struct allocator *allocator = allocator_current();
	if (!allocator->purge_thread) return false;
	pthread_setspecific(honoured, (void *)atomic_load(&generation));
	purge_options_begin();
	allocator->purge_thread();
	purge_options_end();
	return true;
}

bool purge_safe_point(void) {
	uintptr_t newest = atomic_load_explicit(&generation, memory_order_relaxed);
	if ((uintptr_t)pthread_getspecific(honoured) == newest) return false;
	return purge_this_thread();
}

enum status purge_process(void) {
	const struct allocator *allocator = allocator_current();
	return allocator->purge ? allocator->purge() : STATUS_UNSUPPORTED;
}
