#include "testing.h"

#include "agent/history.h"

#include <stdlib.h>
#include <string.h>

static struct history history;
static struct history_point points[HISTORY_MOST_POINTS];

static struct history_point point_at(uint64_t at) {
	return (struct history_point){
		.at = at, .rss = at * 2, .live = at * 3, .kept = HISTORY_ABSENT, .stacks = at * 4};
}

static void fill(uint64_t from, uint64_t step, unsigned count) {
	history_clear(&history);
	for (unsigned i = 0; i < count; i++) {
		struct history_point point = point_at(from + i * step);
		history_add(&history, &point);
	}
}

TEST(an_empty_history_has_no_points) {
	history_clear(&history);
	CHECK_EQUAL(0, history_points(&history, 0, points));
}

TEST(a_point_comes_back_as_it_was) {
	fill(1000, 1, 1);
	REQUIRE_EQUAL(1, history_points(&history, 0, points));
	CHECK_EQUAL(1000, points[0].at);
	CHECK_EQUAL(2000, points[0].rss);
	CHECK_EQUAL(3000, points[0].live);
	CHECK_EQUAL(HISTORY_ABSENT, points[0].kept);
	CHECK_EQUAL(4000, points[0].stacks);
}

TEST(a_day_at_ten_seconds_is_an_hour_of_these_and_minutes_before) {
	const uint64_t day = 24 * 3600 * 1000, step = 10 * 1000;
	fill(day, step, 2 * 24 * 360); /* two days of it */
	uint64_t last = day + step * (2 * 24 * 360 - 1);
	size_t count = history_points(&history, 0, points);
	CHECK_EQUAL(HISTORY_FINE_POINTS + HISTORY_COARSE_POINTS - 60, count);
	CHECK_EQUAL(last, points[count - 1].at);
	for (size_t i = 1; i < count; i++) {
		uint64_t gap = points[i].at - points[i - 1].at;
		if (!CHECK(gap == (points[i - 1].at > last - 3600 * 1000 ? step : 60 * 1000) ||
			    points[i].at == points[count - HISTORY_FINE_POINTS].at))
			break;
	}
	CHECK(last - points[0].at <= day);
	CHECK(last - points[0].at > day - 2 * 60 * 1000);
}

TEST(only_points_from_a_time_on) {
	fill(0, 10 * 1000, 1000);
	CHECK_EQUAL(6, history_points(&history, 9940 * 1000, points));
	CHECK_EQUAL(9940 * 1000, points[0].at);
	CHECK_EQUAL(0, history_points(&history, 9991 * 1000, points));
}

TEST(minutes_that_the_process_slept_through_are_a_gap) {
	fill(0, 1000, 3);
	struct history_point later = point_at(7200 * 1000);
	history_add(&history, &later);
	REQUIRE_EQUAL(4, history_points(&history, 0, points));
	CHECK_EQUAL(2, history.coarse_count);
	CHECK_EQUAL(7200 * 1000, points[3].at);
}

TEST(what_another_process_wrote_into_it_is_not_trusted) {
	fill(0, 1000, 500);
	history.fine_next = HISTORY_FINE_POINTS;
	history.coarse_count = UINT32_MAX;
	CHECK_EQUAL(0, history_points(&history, 0, points));
	for (unsigned round = 0; round < 2000; round++) {
		unsigned char *bytes = (unsigned char *)&history;
		for (size_t i = 0; i < 16; i++) bytes[i] = (unsigned char)rand();
		for (size_t i = 0; i < 64; i++) bytes[(size_t)rand() % sizeof history] = (unsigned char)rand();
		CHECK(history_points(&history, (uint64_t)rand(), points) <= HISTORY_MOST_POINTS);
	}
}

TEST(a_point_of_a_sample_has_what_the_sample_has) {
	struct sample sample = {0};
	struct history_point point = history_point_of(&sample, NULL, 5);
	CHECK_EQUAL(HISTORY_ABSENT, point.rss);
	CHECK_EQUAL(HISTORY_ABSENT, point.live);
	CHECK_EQUAL(HISTORY_ABSENT, point.kept);
	sample_set(&sample, FIGURE_rss, 100);
	sample_set(&sample, FIGURE_allocated, 60);
	sample_set(&sample, FIGURE_committed, 90);
	point = history_point_of(&sample, NULL, 5);
	CHECK_EQUAL(100, point.rss);
	CHECK_EQUAL(60, point.live);
	CHECK_EQUAL(30, point.kept);
	sample_set(&sample, FIGURE_resident, 80);
	CHECK_EQUAL(20, history_point_of(&sample, NULL, 5).kept);
	sample_set(&sample, FIGURE_resident, 50);
	CHECK_EQUAL(0, history_point_of(&sample, NULL, 5).kept);
}

TEST(a_point_has_malloc_where_live_and_kept_are_not_told_apart) {
	struct sample sample = {0};
	struct slow_figures slow = NO_SLOW_FIGURES(0);
	CHECK_EQUAL(HISTORY_ABSENT, history_point_of(&sample, &slow, 5).malloc);
	CHECK_EQUAL(HISTORY_ABSENT, history_point_of(&sample, &slow, 5).stacks);
	slow.stacks = 10, slow.malloc = 20;
	CHECK_EQUAL(10, history_point_of(&sample, &slow, 5).stacks);
	CHECK_EQUAL(20, history_point_of(&sample, &slow, 5).malloc);
	sample_set(&sample, FIGURE_committed, 90);
	CHECK_EQUAL(90, history_point_of(&sample, &slow, 5).malloc);
	sample_set(&sample, FIGURE_allocated, 60);
	CHECK_EQUAL(HISTORY_ABSENT, history_point_of(&sample, &slow, 5).malloc);
	CHECK_EQUAL(30, history_point_of(&sample, &slow, 5).kept);
}

TEST(a_point_has_the_layers_beside_malloc) {
	struct sample sample = {0};
	CHECK_EQUAL(HISTORY_ABSENT, history_point_of(&sample, NULL, 5).ruby_heap);
	sample_set(&sample, FIGURE_ruby_heap, 30);
	sample_set(&sample, FIGURE_ruby_heap_live, 20);
	sample_set(&sample, FIGURE_files, 10);
	struct history_point point = history_point_of(&sample, NULL, 5);
	CHECK_EQUAL(30, point.ruby_heap);
	CHECK_EQUAL(20, point.ruby_heap_live);
	CHECK_EQUAL(10, point.files);
}

TEST(the_clock_does_not_run_back) {
	uint64_t earlier = history_now();
	CHECK(earlier > 0);
	CHECK(history_now() >= earlier);
}
