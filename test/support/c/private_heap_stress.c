/*
 * The private heap under what a busy Ruby process does to it: threads that take, resize and give back blocks, also each
 * other's; threads that end; and forks at any moment, whose children use the heap at once and in a thread of their own.
 * Answers 0, or prints what went wrong. A child that hangs is ended by its alarm, and told.
 */
#include "private_heap.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, SLOTS = 64, CHILD_SECONDS = 20 };

static _Atomic(unsigned char *) slots[SLOTS];
static atomic_bool stop;

/* Each block begins with its size and ends with the lowest byte of it, so that a mix-up is seen. */
static unsigned char *take(size_t bytes) {
	unsigned char *block = private_alloc(PRIVATE_readings, bytes);
	if (!block) return NULL;
	for (size_t i = 0; i < bytes; i++) {
		if (block[i]) fprintf(stderr, "a new block is not zeroed\n"), _exit(1);
	}
	memcpy(block, &bytes, sizeof bytes);
	block[bytes - 1] = (unsigned char)bytes;
	return block;
}

static void give_back(unsigned char *block) {
	if (!block) return;
	size_t bytes;
	memcpy(&bytes, block, sizeof bytes);
	if (block[bytes - 1] != (unsigned char)bytes) fprintf(stderr, "a block was overwritten\n"), _exit(1);
	block[bytes - 1] = 0;
	size_t larger = bytes * 2;
	unsigned char *resized = private_resize(PRIVATE_readings, block, larger);
	if (!resized) fprintf(stderr, "resizing to %zu bytes failed\n", larger), _exit(1);
	if (memcmp(resized, &bytes, sizeof bytes) != 0) fprintf(stderr, "resizing lost the content\n"), _exit(1);
	private_free(PRIVATE_readings, resized);
}

/* Sizes from 16 bytes to 128 KiB, most of them small. */
static size_t size_from(unsigned *seed) {
	return (size_t)16 + (size_t)rand_r(seed) % ((size_t)16 << (rand_r(seed) % 14));
}

static void exchange(unsigned *seed, unsigned rounds) {
	while (rounds--) {
		unsigned slot = (unsigned)rand_r(seed) % SLOTS;
		give_back(atomic_exchange(&slots[slot], take(size_from(seed))));
	}
}

static void *short_life(void *seed) {
	exchange(seed, 200);
	return NULL;
}

static void in_a_new_thread(unsigned *seed) {
	pthread_t thread;
	if (pthread_create(&thread, NULL, short_life, seed) != 0) perror("pthread_create"), _exit(1);
	pthread_join(thread, NULL);
}

static void *busy_life(void *argument) {
	unsigned seed = (unsigned)(uintptr_t)argument;
	while (!stop) {
		exchange(&seed, 500);
		in_a_new_thread(&seed);
	}
	return NULL;
}

static void child(unsigned seed) {
	alarm(CHILD_SECONDS);
	exchange(&seed, 100);
	in_a_new_thread(&seed);
	_exit(0);
}

/* The thread that forks has blocks too, which the others give back while it forks. */
static int fork_once(unsigned seed) {
	exchange(&seed, 500);
	pid_t pid = fork();
	if (pid == 0) child(seed);
	int status = 0;
	if (pid < 0 || waitpid(pid, &status, 0) != pid) return perror("fork"), 1;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return fprintf(stderr, "a forked child hung\n"), 1;
	if (status != 0) return fprintf(stderr, "a forked child ended with status %#x\n", (unsigned)status), 1;
	return 0;
}

int main(int argc, char **argv) {
	unsigned forks = argc > 1 ? (unsigned)atoi(argv[1]) : 300;
	private_heap_init();
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, busy_life, (void *)(i + 1)) != 0)
			return perror("pthread_create"), 1;
	}
	int failed = 0;
	for (unsigned i = 0; i < forks && !failed; i++) failed = fork_once(i + 100);

	stop = true;
	for (unsigned i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < SLOTS; i++) give_back(atomic_exchange(&slots[i], NULL));
	uint64_t held = private_held(PRIVATE_readings);
	if (held)
		return fprintf(stderr, "%llu bytes are counted as held, and all was given back\n",
			       (unsigned long long)held),
		       1;
	printf("%s %s: %u forks\n", private_heap_allocator(), private_heap_version(), forks);
	return failed;
}
