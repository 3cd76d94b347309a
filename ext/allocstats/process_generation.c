#include "process_generation.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation;

static void count_fork(void) {
	atomic_fetch_add(&generation, 1);
}

void process_generation_init(void) {
	unsigned before_the_first = 0;
	if (atomic_compare_exchange_strong(&generation, &before_the_first, 1)) pthread_atfork(NULL, NULL, count_fork);
}

unsigned process_generation(void) {
	return atomic_load_explicit(&generation, memory_order_relaxed);
}
