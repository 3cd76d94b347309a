#include "testing.h"

#include "sample.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_one_of(const char *word, const char *const *words) {
	for (; *words; words++) {
		if (strcmp(word, *words) == 0) return true;
	}
	return false;
}

TEST(a_figure_that_was_not_set_is_absent) {
	struct sample sample = {0};
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) CHECK(!sample_has(&sample, figure));
}

TEST(a_figure_that_was_set_to_zero_is_present) {
	struct sample sample = {0};
	sample_set(&sample, FIGURE_retained, 0);
	CHECK(sample_has(&sample, FIGURE_retained));
	CHECK_EQUAL(FIGURE_BIT(retained), sample.present);
}

TEST(each_figure_has_a_bit_of_its_own) {
	REQUIRE(FIGURE_COUNT <= 64);
	struct sample sample = {0};
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) sample_set(&sample, figure, UINT64_MAX - figure);
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) {
		CHECK(sample_has(&sample, figure));
		CHECK_EQUAL(UINT64_MAX - figure, sample.value[figure]);
	}
	CHECK_EQUAL(FIGURE_COUNT, __builtin_popcountll(sample.present));
}

TEST(each_figure_is_described_in_known_words) {
	static const char *const units[] = {"bytes", "pages", "threads", "arenas", "faults", NULL};
	static const char *const kinds[] = {"gauge", "counter", NULL};
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) {
		const struct figure_description *description = &figure_descriptions[figure];
		CHECK(description->name[0] != '\0');
		CHECK(is_one_of(description->unit, units));
		CHECK(is_one_of(description->kind, kinds));
		CHECK(strlen(description->definition) > 20);
	}
}

TEST(no_two_figures_share_a_name_or_a_definition) {
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++) {
		for (unsigned other = figure + 1; other < FIGURE_COUNT; other++) {
			CHECK(strcmp(figure_descriptions[figure].name, figure_descriptions[other].name) != 0);
			CHECK(strcmp(figure_descriptions[figure].definition, figure_descriptions[other].definition) !=
				0);
		}
	}
}

TEST(the_process_has_a_resident_set_inside_its_address_space) {
	struct sample sample = {0};
	sample_process(&sample);
	REQUIRE(sample_has(&sample, FIGURE_rss) && sample_has(&sample, FIGURE_virtual_size));
	CHECK(sample.value[FIGURE_rss] > 0);
	CHECK(sample.value[FIGURE_rss] <= sample.value[FIGURE_virtual_size]);
	CHECK_EQUAL(0, sample.value[FIGURE_rss] % (uint64_t)sysconf(_SC_PAGESIZE));
}

TEST(memory_that_is_mapped_and_touched_shows_in_the_next_reading) {
	const size_t bytes = 64 << 20;
	struct sample before = {0}, mapped = {0}, touched = {0};
	sample_process(&before);
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	sample_process(&mapped);
	memset(memory, 1, bytes);
	sample_process(&touched);
	munmap(memory, bytes);

	CHECK(mapped.value[FIGURE_virtual_size] >= before.value[FIGURE_virtual_size] + bytes);
	CHECK(mapped.value[FIGURE_rss] < before.value[FIGURE_rss] + bytes / 2);
	/* The kernel may hold some pages back in per-CPU counts: by proc(5), statm is not exact to the page. */
	CHECK(touched.value[FIGURE_rss] >= mapped.value[FIGURE_rss] + bytes / 100 * 95);
	CHECK(touched.value[FIGURE_minor_faults] > mapped.value[FIGURE_minor_faults]);
}

TEST(counters_never_fall) {
	struct sample earlier = {0}, later = {0};
	sample_process(&earlier);
	sample_process(&later);
	CHECK(later.value[FIGURE_minor_faults] >= earlier.value[FIGURE_minor_faults]);
	CHECK(later.value[FIGURE_major_faults] >= earlier.value[FIGURE_major_faults]);
}
