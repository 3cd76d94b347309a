/*
 * One coherent reading of the figures in figures.def. A figure that was not measured has its present bit clear; its
 * value must then not be read.
 */
#ifndef ALLOCSTATS_SAMPLE_H
#define ALLOCSTATS_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

enum figure {
#define FIGURE(name, unit, kind, definition) FIGURE_##name,
#include "figures.def"
#undef FIGURE
	FIGURE_COUNT
};

typedef uint64_t figure_mask;
#define FIGURE_BIT(name) ((figure_mask)1 << FIGURE_##name)

struct sample {
	figure_mask present;
	uint64_t value[FIGURE_COUNT];
};

static inline void sample_set(struct sample *sample, enum figure figure, uint64_t value) {
	sample->value[figure] = value;
	sample->present |= (figure_mask)1 << figure;
}

static inline bool sample_has(const struct sample *sample, enum figure figure) {
	return (sample->present >> figure) & 1;
}

/* What malloc has given out and not got back; false, and *bytes as it was, where it is not measured cheaply. */
bool sample_live(const struct sample *sample, uint64_t *bytes);

/*
 * What malloc holds beyond that: what it keeps resident, or, where it does not count that, what it has committed, less
 * the allocated bytes. Room between blocks, caches, free pages and its own bookkeeping are in it.
 */
bool sample_kept(const struct sample *sample, uint64_t *bytes);

/* Name, unit ("bytes"), kind ("gauge") and definition of a figure, as figures.def says them. */
struct figure_description {
	const char *name, *unit, *kind, *definition;
};
extern const struct figure_description figure_descriptions[FIGURE_COUNT];

/* What the kernel and Ruby measure, whatever the allocator. */
#define PROCESS_FIGURES                                                                                                \
	(FIGURE_BIT(rss) | FIGURE_BIT(files) | FIGURE_BIT(virtual_size) | FIGURE_BIT(minor_faults) |                   \
		FIGURE_BIT(major_faults) | FIGURE_BIT(ruby_heap_pages) | FIGURE_BIT(ruby_heap) |                       \
		FIGURE_BIT(ruby_heap_live))

/* Fills what the kernel measures for the whole process; what cannot be read stays absent. Costs three system calls. */
void sample_process(struct sample *sample);

#endif
