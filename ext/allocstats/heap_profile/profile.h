/*
 * The heap profile of this process: one at a time. Blocks are sampled as they are allocated (sampling.h) and taken out
 * as they are freed; a snapshot copies what is there. All that it keeps lies in the private heap, within limits; what
 * did not fit is counted.
 *
 * born, dies and lives_on are called from inside malloc and free, on any thread. They keep errno, call no malloc of the
 * process's, wait for one short lock, and pass by where the thread is inside the profile already. born is told of the
 * blocks that a thread's countdown (hooks.h) does not reach beyond.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_PROFILE_H
#define ALLOCSTATS_HEAP_PROFILE_PROFILE_H

#include "heap_profile/live_table.h"
#include "heap_profile/stack_table.h"
#include "status.h"

struct heap_profile_settings {
	uint64_t interval; /* bytes between two samples in the mean */
	size_t limit;      /* of live samples */
	/* Fills kind, frames, lines, depth and cut for the calling thread, from inside malloc: it may allocate nothing.
	 * NULL where there is no host. */
	void (*walk)(struct stack *stack);
	/* Where the host's own code lies: as the caller of malloc under known frames it says nothing. */
	uintptr_t host_start, host_end;
};

enum { SMALLEST_INTERVAL = 1 };
#define LARGEST_INTERVAL (UINT64_C(1) << 40)
enum { MOST_LIVE_SAMPLES = 1 << 22, USUAL_LIVE_SAMPLES = 1 << 18 };

/* The tables are made, and from then on what the hooks tell is taken down. With no other profile on. */
enum status heap_profile_begin(const struct heap_profile_settings *settings);
void heap_profile_end(void);
bool heap_profile_on(void);
uint64_t heap_profile_serial(void);

void heap_profile_born(void *block, uint64_t size, uintptr_t caller);
/* True when this block was sampled; `sample` may be NULL. */
bool heap_profile_dies(void *block, struct live_sample *sample);
/* Takes back that it died. */
void heap_profile_lives_on(const struct live_sample *sample);

/* What a snapshot holds of the living: one row for each site and time of birth. */
struct live_row {
	uint32_t site, birth, first_second;
	struct estimate estimate;
};

struct heap_profile_copy {
	uint64_t serial; /* of the profile, in this process and its forks */
	uint32_t number; /* of the snapshot: what is born later has this birth or a greater one */
	uint64_t interval;
	double seconds;          /* since the profile began */
	struct estimate dropped; /* what was sampled and did not fit */
	struct site *sites;
	uint32_t site_count;
	struct live_row *rows;
	uint32_t row_count;
	uint64_t live_samples;
};
enum status heap_profile_read(struct heap_profile_copy *out);
void heap_profile_copy_free(struct heap_profile_copy *copy);

/* The stacks, for as long as the profile is on: records that a copy's numbers lead to may be read without a lock. */
const struct stack_table *heap_profile_stacks(void);

#endif
