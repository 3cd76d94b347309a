#define _GNU_SOURCE
#include "residency.h"

#include <sys/mman.h>
#include <unistd.h>

uint64_t residency_count(uint64_t start, uint64_t end) {
	unsigned char pages[4096];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), resident = 0;

	start -= start % page;
	while (start < end) {
		uint64_t count = (end - start + page - 1) / page;
		if (count > sizeof pages) count = sizeof pages;
		if (mincore((void *)(uintptr_t)start, (size_t)(count * page), pages) == 0) {
			for (uint64_t i = 0; i < count; i++) resident += pages[i] & 1;
		}
		start += count * page;
	}
	return resident * page;
}

static uint64_t smaller(uint64_t one, uint64_t other) {
	return one < other ? one : other;
}

static uint64_t greater(uint64_t one, uint64_t other) {
	return one > other ? one : other;
}

/* What is left of a mapping while owned ranges take their parts. */
struct remainder {
	struct mapping_figures figures;
	uint64_t weight; /* resident bytes, or the extent where none is resident */
};

static uint64_t proportion(uint64_t value, uint64_t part, uint64_t whole) {
	return (uint64_t)((unsigned __int128)value * part / whole);
}

/* Moves `part` of the remainder's weight, and of each figure in proportion, to `kind`. */
static void take(struct remainder *remainder, uint64_t part, struct mapping_figures *kind) {
	struct mapping_figures taken = {.present = remainder->figures.present};
	if (part == 0) return;
	for (unsigned i = 0; i < MAPPING_FIGURE_COUNT; i++) {
		taken.value[i] = proportion(remainder->figures.value[i], part, remainder->weight);
		remainder->figures.value[i] -= taken.value[i];
	}
	remainder->weight -= part;
	mapping_figures_add(kind, &taken);
}

static bool has_resident_bytes(const struct mapping *mapping) {
	return mapping->figures.present >> MAPPING_FIGURE_rss & 1 && mapping->figures.value[MAPPING_FIGURE_rss] > 0;
}

static struct remainder whole_of(const struct mapping *mapping) {
	return (struct remainder){
		.figures = mapping->figures,
		.weight = has_resident_bytes(mapping) ? mapping->figures.value[MAPPING_FIGURE_rss]
						      : mapping->end - mapping->start,
	};
}

/* How much of the mapping's weight the range has. */
static uint64_t weight_of(const struct mapping *mapping, uint64_t start, uint64_t end, residency_counter count) {
	if (start == mapping->start && end == mapping->end) return UINT64_MAX; /* all of it, by the kernel's count */
	return has_resident_bytes(mapping) ? count(start, end) : end - start;
}

void residency_divide(const struct mappings *mappings, const struct owned_ranges *owned, residency_counter count,
	struct mapping_figures kinds[MAPPING_KIND_COUNT]) {
	size_t next = 0;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		struct remainder remainder = whole_of(mapping);
		while (next < owned->count && owned->items[next].end <= mapping->start) next++;
		for (size_t j = next; j < owned->count && owned->items[j].start < mapping->end; j++) {
			uint64_t start = greater(owned->items[j].start, mapping->start);
			uint64_t end = smaller(owned->items[j].end, mapping->end);
			uint64_t part = smaller(weight_of(mapping, start, end, count), remainder.weight);
			take(&remainder, part, &kinds[owned->items[j].kind]);
		}
		mapping_figures_add(&kinds[mapping->kind], &remainder.figures);
	}
}
