/* Threads that know nothing of Ruby and allocate all the time, and a block that they do not free: for who looks on. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MOST_THREADS = 16, BLOCKS = 64 };

static atomic_bool stopped;
static atomic_long allocated;
static pthread_t threads[MOST_THREADS];
static int running;

static void *allocate(void *seed) {
	void *blocks[BLOCKS] = {NULL};
	unsigned random = (unsigned)(size_t)seed;
	while (!atomic_load(&stopped)) {
		random = random * 1103515245 + 12345;
		unsigned at = random >> 16 & (BLOCKS - 1);
		blocks[at] =
			random & 1 << 8 ? realloc(blocks[at], random >> 20) : (free(blocks[at]), malloc(random >> 20));
		atomic_fetch_add(&allocated, 1);
	}
	for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
	return NULL;
}

int allocating_threads_start(int count) {
	atomic_store(&stopped, 0);
	for (running = 0; running < count && running < MOST_THREADS; running++)
		if (pthread_create(&threads[running], NULL, allocate, (void *)(size_t)(running + 1)) != 0) break;
	return running;
}

long allocating_threads_stop(void) {
	atomic_store(&stopped, 1);
	while (running > 0) pthread_join(threads[--running], NULL);
	return atomic_load(&allocated);
}
