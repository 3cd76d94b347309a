/*
 * What a process was like over the last day: two rings of points, each of a fixed size. Every point goes into the fine
 * ring, which at the usual ten seconds reaches back an hour, and the first of each minute also into the coarse one,
 * which reaches back a day. A history is plain memory, so it can lie in a page that other processes read; who reads one
 * that another writes takes a copy first, and trusts no index in it.
 */
#ifndef ALLOCSTATS_HISTORY_H
#define ALLOCSTATS_HISTORY_H

#include "sample.h"

#include <stddef.h>
#include <stdint.h>

enum { HISTORY_FINE_POINTS = 360, HISTORY_COARSE_POINTS = 24 * 60, HISTORY_COARSE_MS = 60 * 1000 };
enum { HISTORY_MOST_POINTS = HISTORY_FINE_POINTS + HISTORY_COARSE_POINTS };

#define HISTORY_ABSENT UINT64_MAX

struct history_point {
	uint64_t at; /* milliseconds of CLOCK_BOOTTIME: the same clock for all processes of a machine, never set back */
	uint64_t rss, live, kept; /* bytes, or HISTORY_ABSENT */
};

struct history {
	uint32_t fine_next, fine_count, coarse_next, coarse_count;
	struct history_point fine[HISTORY_FINE_POINTS];
	struct history_point coarse[HISTORY_COARSE_POINTS];
};

/* Milliseconds of CLOCK_BOOTTIME. */
uint64_t history_now(void);

struct history_point history_point_of(const struct sample *sample, uint64_t at);

void history_clear(struct history *history);
void history_add(struct history *history, const struct history_point *point);

/*
 * Copies the points that are not before `since` into `out`, which has room for HISTORY_MOST_POINTS, oldest first: the
 * fine ones, and the coarse ones from before these begin. Answers how many.
 */
size_t history_points(const struct history *history, uint64_t since, struct history_point *out);

#endif
