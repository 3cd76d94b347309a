#define _GNU_SOURCE
#include "heap_profile/profile.h"
#include "heap_profile/hooks.h"
#include "private_heap.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct {
	bool on;
	struct heap_profile_settings settings;
	struct live_table live;
	struct stack_table stacks;
	struct stack scratch; /* too large for a small thread's machine stack */
	struct estimate dropped;
	uint64_t serial;
	uint32_t snapshots;
	struct timespec begun;
} profile;

/*
 * Held for the time of a sample. Whoever forks holds it meanwhile, so that a child finds the tables whole; what that
 * thread itself allocates between goes on without it, as it has it already.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool forking;

static bool enter(void) {
	if (heap_profile_countdown.busy || forking) return false;
	heap_profile_countdown.busy = true;
	pthread_mutex_lock(&lock);
	return true;
}

static void leave(void) {
	pthread_mutex_unlock(&lock);
	heap_profile_countdown.busy = false;
}

static void before_fork(void) {
	pthread_mutex_lock(&lock);
	forking = true;
}

static void after_fork(void) {
	forking = false;
	pthread_mutex_unlock(&lock);
}

/* With the old epoch the child would draw the same random numbers as its parent. */
static void after_fork_in_child(void) {
	pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	memcpy(&lock, &fresh, sizeof lock);
	forking = false;
	heap_profile_countdown.busy = false;
	atomic_fetch_add_explicit(&heap_profile_epoch, 1, memory_order_relaxed);
}

static uint64_t now_ns(clockid_t clock) {
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static double seconds_since_begin(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - profile.begun.tv_sec) + (double)(now.tv_nsec - profile.begun.tv_nsec) / 1e9;
}

enum status heap_profile_begin(const struct heap_profile_settings *settings) {
	static bool prepared;
	if (settings->interval < SMALLEST_INTERVAL || settings->interval > LARGEST_INTERVAL || settings->limit < 1 ||
		settings->limit > MOST_LIVE_SAMPLES)
		return STATUS_INVALID_VALUE;
	if (!prepared) pthread_atfork(before_fork, after_fork, after_fork_in_child);
	prepared = true;
	if (!enter()) return STATUS_UNREADABLE;
	enum status status = live_table_init(&profile.live, settings->limit) ? STATUS_OK : STATUS_NO_MEMORY;
	if (status == STATUS_OK) {
		stack_table_init(&profile.stacks);
		profile.settings = *settings;
		profile.dropped = (struct estimate){0};
		profile.serial = now_ns(CLOCK_REALTIME);
		profile.snapshots = 0;
		clock_gettime(CLOCK_MONOTONIC, &profile.begun);
		profile.on = true;
		atomic_fetch_add_explicit(&heap_profile_epoch, 1, memory_order_relaxed);
	}
	leave();
	return status;
}

void heap_profile_end(void) {
	if (!enter()) return;
	profile.on = false;
	atomic_fetch_add_explicit(&heap_profile_epoch, 1, memory_order_relaxed);
	live_table_clear(&profile.live);
	stack_table_clear(&profile.stacks);
	leave();
}

bool heap_profile_on(void) {
	return profile.on;
}

uint64_t heap_profile_serial(void) {
	return profile.serial;
}

const struct stack_table *heap_profile_stacks(void) {
	return &profile.stacks;
}

static uint64_t seed(const struct countdown *countdown) {
	uint64_t thread = (uint64_t)syscall(SYS_gettid);
	return mix_bits(now_ns(CLOCK_MONOTONIC) ^ thread << 40 ^ (uintptr_t)countdown) | 1;
}

/* What a thread counted down before this profile, or before a fork, is no longer its distance to the next sample. */
static void begin_countdown(struct countdown *countdown, uint32_t epoch) {
	countdown->epoch = epoch;
	countdown->thread = NO_ID;
	countdown->random = seed(countdown);
	countdown->bytes_left =
		profile.on ? sampling_gap(&countdown->random, (double)profile.settings.interval) : UINT64_MAX;
}

static bool sample_is_due(struct countdown *countdown, uint64_t size) {
	uint32_t epoch = atomic_load_explicit(&heap_profile_epoch, memory_order_relaxed);
	if (countdown->epoch != epoch) begin_countdown(countdown, epoch);
	bool is_due = size > countdown->bytes_left;
	if (is_due && profile.on)
		countdown->bytes_left = sampling_gap(&countdown->random, (double)profile.settings.interval);
	else if (!is_due)
		countdown->bytes_left -= size;
	return is_due && profile.on;
}

static const struct stack *walk(struct countdown *countdown, uintptr_t caller) {
	struct stack *stack = &profile.scratch;
	stack->kind = STACK_NO_GVL;
	stack->depth = 0;
	stack->cut = false;
	if (profile.settings.walk) profile.settings.walk(stack);
	bool host = caller >= profile.settings.host_start && caller < profile.settings.host_end;
	stack->caller = stack->kind == STACK_FRAMES && host ? 0 : caller;
	if (countdown->thread == NO_ID) countdown->thread = stack_table_thread(&profile.stacks);
	stack->thread = countdown->thread;
	if (stack->thread != NO_ID) stack_table_name(&profile.stacks, stack->thread);
	return stack;
}

static void take(struct countdown *countdown, uintptr_t block, uint64_t size, uintptr_t caller) {
	double interval = (double)profile.settings.interval;
	uint32_t site = stack_table_site(&profile.stacks, walk(countdown, caller));
	const uint64_t largest = (UINT64_C(1) << SIZE_BITS) - 1;
	if (size > largest) size = largest;
	struct live_sample sample = {
		.block = block,
		.size = size & largest,
		.birth = profile.snapshots & ((1u << BIRTH_BITS) - 1),
		.site = site,
		.second = (uint32_t)seconds_since_begin(),
	};
	if (site == NO_ID || !live_table_add(&profile.live, &sample)) {
		estimate_add(&profile.dropped, size, interval);
		return;
	}
	struct site *where = pool_at(&profile.stacks.sites, site);
	estimate_add(&where->born, size, interval);
}

void heap_profile_born(void *block, uint64_t size, uintptr_t caller) {
	struct countdown *countdown = &heap_profile_countdown;
	int error = errno;
	if (enter()) {
		if (sample_is_due(countdown, size)) take(countdown, (uintptr_t)block, size, caller);
		leave();
	}
	errno = error;
}

bool heap_profile_dies(void *block, struct live_sample *sample) {
	if (!enter()) return false;
	bool sampled = profile.on && live_table_remove(&profile.live, block, sample);
	leave();
	return sampled;
}

void heap_profile_lives_on(const struct live_sample *sample) {
	int error = errno;
	if (enter()) {
		if (profile.on && !live_table_add(&profile.live, sample))
			estimate_add(&profile.dropped, sample->size, (double)profile.settings.interval);
		leave();
	}
	errno = error;
}

static struct live_row *row_of(
	struct heap_profile_copy *out, struct id_index *index, const struct live_sample *sample) {
	uint64_t key = mix_bits((uint64_t)sample->site << BIRTH_BITS | sample->birth);
	uint32_t id = id_index_find(index, key);
	if (id == NO_ID) {
		if (!id_index_add(index, key, out->row_count)) return NULL;
		id = out->row_count++;
		out->rows[id] =
			(struct live_row){.site = sample->site, .birth = sample->birth, .first_second = sample->second};
	}
	if (sample->second < out->rows[id].first_second) out->rows[id].first_second = sample->second;
	return &out->rows[id];
}

static enum status copy_rows(struct heap_profile_copy *out) {
	struct id_index index = {0};
	enum status status = STATUS_OK;
	out->rows = private_alloc(PRIVATE_heap_profile, profile.live.count * sizeof *out->rows);
	if (!out->rows) return STATUS_NO_MEMORY;
	for (size_t i = 0; i < profile.live.capacity && status == STATUS_OK; i++) {
		const struct live_sample *sample = &profile.live.places[i];
		if (!sample->block) continue;
		struct live_row *row = row_of(out, &index, sample);
		if (row)
			estimate_add(&row->estimate, sample->size, (double)profile.settings.interval);
		else
			status = STATUS_NO_MEMORY;
	}
	id_index_clear(&index);
	return status;
}

static enum status copy_sites(struct heap_profile_copy *out) {
	const struct pool *sites = &profile.stacks.sites;
	out->sites = private_alloc(PRIVATE_heap_profile, sites->count * sizeof *out->sites);
	if (!out->sites) return STATUS_NO_MEMORY;
	out->site_count = sites->count;
	for (uint32_t i = 0; i < sites->count; i++) out->sites[i] = *(struct site *)pool_at(sites, i);
	return STATUS_OK;
}

static enum status copy_all(struct heap_profile_copy *out) {
	out->serial = profile.serial;
	out->number = ++profile.snapshots;
	out->interval = profile.settings.interval;
	out->seconds = seconds_since_begin();
	out->dropped = profile.dropped;
	out->live_samples = profile.live.count;
	enum status status = copy_sites(out);
	return status == STATUS_OK ? copy_rows(out) : status;
}

enum status heap_profile_read(struct heap_profile_copy *out) {
	*out = (struct heap_profile_copy){0};
	if (!enter()) return STATUS_UNREADABLE;
	enum status status = profile.on ? copy_all(out) : STATUS_UNSUPPORTED;
	leave();
	if (status != STATUS_OK) heap_profile_copy_free(out);
	return status;
}

void heap_profile_copy_free(struct heap_profile_copy *copy) {
	private_free(PRIVATE_heap_profile, copy->sites);
	private_free(PRIVATE_heap_profile, copy->rows);
	copy->sites = NULL;
	copy->rows = NULL;
}
