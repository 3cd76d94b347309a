#define _GNU_SOURCE
#include "agent/history.h"

#include <time.h>

uint64_t history_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t figure(const struct sample *sample, enum figure figure) {
	return sample_has(sample, figure) ? sample->value[figure] : HISTORY_ABSENT;
}

struct history_point history_point_of(const struct sample *sample, const struct slow_figures *slow, uint64_t at) {
	struct history_point point = {
		.at = at,
		.rss = figure(sample, FIGURE_rss),
		.live = HISTORY_ABSENT,
		.kept = HISTORY_ABSENT,
		.malloc = HISTORY_ABSENT,
		.ruby_heap = figure(sample, FIGURE_ruby_heap),
		.ruby_heap_live = figure(sample, FIGURE_ruby_heap_live),
		.files = figure(sample, FIGURE_files),
		.stacks = slow ? slow->stacks : HISTORY_ABSENT,
	};
	sample_live(sample, &point.live);
	if (sample_kept(sample, &point.kept)) return point;
	point.malloc = figure(sample, FIGURE_resident);
	if (point.malloc == HISTORY_ABSENT) point.malloc = figure(sample, FIGURE_committed);
	if (point.malloc == HISTORY_ABSENT && slow) point.malloc = slow->malloc;
	return point;
}

void history_clear(struct history *history) {
	history->fine_next = history->fine_count = history->coarse_next = history->coarse_count = 0;
}

static void push(
	struct history_point *ring, uint32_t size, uint32_t *next, uint32_t *count, const struct history_point *point) {
	ring[*next % size] = *point;
	*next = (*next + 1) % size;
	if (*count < size) ++*count;
}

static bool begins_a_minute(const struct history *history, const struct history_point *point) {
	if (history->coarse_count == 0) return true;
	uint32_t last = (history->coarse_next + HISTORY_COARSE_POINTS - 1) % HISTORY_COARSE_POINTS;
	return point->at / HISTORY_COARSE_MS != history->coarse[last].at / HISTORY_COARSE_MS;
}

void history_add(struct history *history, const struct history_point *point) {
	if (begins_a_minute(history, point))
		push(history->coarse, HISTORY_COARSE_POINTS, &history->coarse_next, &history->coarse_count, point);
	push(history->fine, HISTORY_FINE_POINTS, &history->fine_next, &history->fine_count, point);
}

/* The points of a ring in the order they came, those of [since, before) alone. */
static size_t copy(const struct history_point *ring, uint32_t size, uint32_t next, uint32_t count, uint64_t since,
	uint64_t before, struct history_point *out) {
	if (next >= size || count > size) return 0;
	size_t copied = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct history_point *point = &ring[(next + size - count + i) % size];
		if (point->at >= since && point->at < before) out[copied++] = *point;
	}
	return copied;
}

/* Leaves out what is older than the point before it: no owner writes such, but a history may be anybody's bytes. */
static size_t in_order(struct history_point *points, size_t count) {
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || points[i].at >= points[kept - 1].at) points[kept++] = points[i];
	return kept;
}

size_t history_points(const struct history *history, uint64_t since, struct history_point *out) {
	struct history_point *fine = out + HISTORY_COARSE_POINTS;
	size_t fine_count =
		copy(history->fine, HISTORY_FINE_POINTS, history->fine_next, history->fine_count, 0, UINT64_MAX, fine);
	uint64_t fine_begins = fine_count ? fine[0].at : UINT64_MAX;
	size_t count = copy(history->coarse, HISTORY_COARSE_POINTS, history->coarse_next, history->coarse_count, since,
		fine_begins, out);
	for (size_t i = 0; i < fine_count; i++) {
		if (fine[i].at >= since)
			out[count++] = fine[i]; /* never past its source: count <= HISTORY_COARSE_POINTS + i */
	}
	return in_order(out, count);
}
