#define _GNU_SOURCE
#include "purge.h"
#include "allocator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

/* Between two times that a thread hands back of itself: so long at least, and so many times what the last one cost. */
#define HAND_BACK_EVERY_NS (UINT64_C(250) * 1000 * 1000)
enum { HAND_BACK_SHARE = 200 };

/* What it has taken since, to be worth it: bytes where the allocator counts them, else pages that it was first to
 * touch. */
enum { ENOUGH_BYTES = 1024 * 1024, ENOUGH_FAULTS = 256 };

static atomic_uint generation;

/* What a thread remembers of its safe points: one of a fixed number, since a thread that takes memory for it would have
 * the private heap keep pages for every thread of the process. Written by its own thread alone while it is taken. */
static struct thread_state {
	atomic_bool taken;
	unsigned honoured;   /* the generation that it has honoured */
	uint64_t due;        /* from when on it may hand back again, by the coarse clock */
	uint64_t taken_then; /* by taken_by_thread, when it last did */
} states[1024];

/* A key and not a thread-local variable, which could call malloc. */
static pthread_key_t state_key;

static _Atomic uint64_t purges_made, bytes_given_back;

/* Also what the key calls at the end of a thread. */
static void leave_state(void *state) {
	atomic_store(&((struct thread_state *)state)->taken, false);
}

static pthread_mutex_t options_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned options_users;

/* In a child nobody but the forking thread goes on, so what other threads had begun is ended here. Counting begins
 * anew. */
static void end_in_child(void) {
	const struct thread_state *own = pthread_getspecific(state_key);
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (&states[i] != own && atomic_load(&states[i].taken)) leave_state(&states[i]);
	pthread_mutex_init(&options_lock, NULL);
	if (options_users && allocator_current()->purge_end) allocator_current()->purge_end();
	options_users = 0;
	purges_made = bytes_given_back = 0;
}

void purge_init(void) {
	pthread_key_create(&state_key, leave_state);
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

/* Of CLOCK_MONOTONIC, or of CLOCK_MONOTONIC_COARSE: to some milliseconds, and cheaper. */
static uint64_t nanoseconds(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct thread_state *take_state(void) {
	static atomic_uint next;
	for (size_t tries = 0; tries < sizeof states / sizeof *states; tries++) {
		struct thread_state *state = &states[atomic_fetch_add(&next, 1) % (sizeof states / sizeof *states)];
		if (!atomic_exchange(&state->taken, true)) return state;
	}
	return NULL;
}

/* NULL for a thread that comes by when as many others live as there are states: its safe points do nothing. */
static struct thread_state *state_of_thread(void) {
	struct thread_state *state = pthread_getspecific(state_key);
	if (state || !(state = take_state())) return state;
	state->honoured = atomic_load(&generation); /* what was asked before it came along is none of its business */
	state->due = state->taken_then = 0;
	if (pthread_setspecific(state_key, state) == 0) return state;
	leave_state(state);
	return NULL;
}

/* What this thread has taken since it began, and what of that is enough to hand back for. */
static uint64_t taken_by_thread(const struct allocator *allocator, uint64_t *enough) {
	uint64_t given, taken;
	struct rusage usage = {0};
	*enough = ENOUGH_BYTES;
	if (allocator->thread_bytes && allocator->thread_bytes(&given, &taken)) return given;
	*enough = ENOUGH_FAULTS;
	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_minflt;
}

static void hand_back(const struct allocator *allocator, struct thread_state *state) {
	uint64_t enough, begun = nanoseconds(CLOCK_MONOTONIC);
	state->honoured = atomic_load(&generation);
	purge_options_begin();
	allocator->purge_thread();
	purge_options_end();
	uint64_t cost = (nanoseconds(CLOCK_MONOTONIC) - begun) * HAND_BACK_SHARE;
	state->due = nanoseconds(CLOCK_MONOTONIC_COARSE) + (cost > HAND_BACK_EVERY_NS ? cost : HAND_BACK_EVERY_NS);
	state->taken_then = taken_by_thread(allocator, &enough);
}

bool purge_this_thread(void) {
	const struct allocator *allocator = allocator_current();
	if (!allocator->purge_thread) return false;
	struct thread_state *state = state_of_thread(), passing = {0};
	hand_back(allocator, state ? state : &passing);
	return true;
}

/* Whether enough time has gone by and enough was taken; where it was not, the next look is as long ahead. */
static bool is_worth_it(const struct allocator *allocator, struct thread_state *state) {
	uint64_t enough, now = nanoseconds(CLOCK_MONOTONIC_COARSE);
	if (now < state->due) return false;
	state->due = now + HAND_BACK_EVERY_NS;
	return taken_by_thread(allocator, &enough) - state->taken_then >= enough;
}

bool purge_safe_point(void) {
	const struct allocator *allocator = allocator_current();
	if (!allocator->purge_thread) return false;
	struct thread_state *state = state_of_thread();
	if (!state) return false;
	bool asked = state->honoured != atomic_load_explicit(&generation, memory_order_relaxed);
	if (!asked && !is_worth_it(allocator, state)) return false;
	hand_back(allocator, state);
	return true;
}

enum status purge_process(void) {
	const struct allocator *allocator = allocator_current();
	return allocator->purge ? allocator->purge() : STATUS_UNSUPPORTED;
}
