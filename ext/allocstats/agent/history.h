/*
 * What a process was like over the last day: two rings of points, each of a fixed size. Every point goes into the fine
 * ring, which at the usual ten seconds reaches back an hour, and the first of each minute also into the coarse one,
 * which reaches back a day. A history is plain memory, so it can lie in shared memory that other processes read; who
 * reads one that another writes takes a copy first, and trusts no index in it.
 */
#ifndef ALLOCSTATS_HISTORY_H
#define ALLOCSTATS_HISTORY_H

#include "sample.h"

#include <stddef.h>
#include <stdint.h>

enum { HISTORY_FINE_POINTS = 360, HISTORY_COARSE_POINTS = 24 * 60, HISTORY_COARSE_MS = 60 * 1000 };
enum { HISTORY_MOST_POINTS = HISTORY_FINE_POINTS + HISTORY_COARSE_POINTS };

#define HISTORY_ABSENT UINT64_MAX

/* Figures that cost milliseconds, so they are read less often than the sample; absent as HISTORY_ABSENT. */
struct slow_figures {
	uint64_t at; /* when they were read, by history_now; 0: not yet */
	uint64_t pss, uss, swap;
	uint64_t stacks; /* resident bytes of the threads' stacks */
	uint64_t malloc; /* resident bytes of the allocator, where its mappings can be told from others */
};

#define NO_SLOW_FIGURES(at)                                                                                            \
	((struct slow_figures){(at), HISTORY_ABSENT, HISTORY_ABSENT, HISTORY_ABSENT, HISTORY_ABSENT, HISTORY_ABSENT})

struct history_point {
	uint64_t at; /* milliseconds of CLOCK_BOOTTIME: the same clock for all processes of a machine, never set back */
	/*
	 * Bytes, or HISTORY_ABSENT: the layers of the resident set that can be had cheaply. `malloc` is there where
	 * live and kept are not counted apart; it and `stacks` are of the last slow reading (struct slow_figures),
	 * unless the allocator counts itself what it has committed.
	 */
	uint64_t rss, live, kept, malloc, ruby_heap, ruby_heap_live, files, stacks;
};

struct history {
	uint32_t fine_next, fine_count, coarse_next, coarse_count;
	struct history_point fine[HISTORY_FINE_POINTS];
	struct history_point coarse[HISTORY_COARSE_POINTS];
};

/* Milliseconds of CLOCK_BOOTTIME. */
uint64_t history_now(void);

/* `slow` may be NULL: there was no slow reading. */
struct history_point history_point_of(const struct sample *sample, const struct slow_figures *slow, uint64_t at);

void history_clear(struct history *history);
void history_add(struct history *history, const struct history_point *point);

/*
 * Copies the points that are not before `since` into `out`, which has room for HISTORY_MOST_POINTS, oldest first: the
 * fine ones, and the coarse ones from before these begin. Answers how many.
 */
size_t history_points(const struct history *history, uint64_t since, struct history_point *out);

#endif
