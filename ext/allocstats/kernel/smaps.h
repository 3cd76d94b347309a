/*
 * A process's smaps and smaps_rollup as numbers. `process` is its folder: PROC_SELF, or that of another. A figure whose
 * line is missing, cut or too large for 64 bits is absent: its present bit is clear and its value must not be read.
 */
#ifndef ALLOCSTATS_SMAPS_H
#define ALLOCSTATS_SMAPS_H

#include "line_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mapping_figure {
#define MAPPING_FIGURE(name, field, definition) MAPPING_FIGURE_##name,
#include "mapping_figures.def"
#undef MAPPING_FIGURE
	MAPPING_FIGURE_COUNT
};

enum { MAPPING_FIGURES_ALL = (1 << MAPPING_FIGURE_COUNT) - 1 };

struct mapping_figures {
	uint32_t present;
	uint64_t value[MAPPING_FIGURE_COUNT];
};

enum mapping_kind {
#define MAPPING_KIND(name, definition) MAPPING_KIND_##name,
#include "mapping_kinds.def"
#undef MAPPING_KIND
	MAPPING_KIND_COUNT
};

/* Name, line and definition, as the .def files say them; `field` is NULL for a kind. */
struct mapping_description {
	const char *name, *field, *definition;
};
extern const struct mapping_description mapping_figure_descriptions[MAPPING_FIGURE_COUNT];
extern const struct mapping_description mapping_kind_descriptions[MAPPING_KIND_COUNT];

enum mapping_trait {
	MAPPING_READABLE = 1,
	MAPPING_WRITABLE = 2,
	MAPPING_EXECUTABLE = 4,
	MAPPING_SHARED = 8,
	MAPPING_OF_FILE = 16,  /* it has a path, and so a device and an inode */
	MAPPING_NAMELESS = 32, /* anonymous, and the last column says nothing of whose it is */
	MAPPING_BRK = 64,      /* [heap]: what brk(2) gave */
	MAPPING_NAMED = 128,   /* `kind` is what mapping_names.def says of its name */
	MAPPING_GUARDED = 256, /* VmFlags gu: guard pages lie inside it, by madvise(MADV_GUARD_INSTALL) */
	MAPPING_NO_HUGE = 512, /* VmFlags nh: without huge pages, as the private heap and stacks are */
};

struct mapping {
	uint64_t start, end;
	uint64_t device, inode;
	unsigned traits;
	enum mapping_kind kind; /* only set where traits hold MAPPING_NAMED, until mappings_classify has run */
	struct mapping_figures figures;
};

/* By address, without overlaps. Lives in the private heap. */
struct mappings {
	struct mapping *items;
	size_t count, capacity;
};

/* Reads root + process + "/smaps". What was read before a failure stays in `out`, to be freed, and is not the whole. */
struct reading smaps_read(const char *root, const char *process, struct mappings *out);
void mappings_free(struct mappings *mappings);

/* The mapping that holds an address, or NULL. */
const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address);

/* Reads its smaps_rollup: the sums, made by the kernel without rounding for each mapping. */
struct reading smaps_rollup_read(const char *root, const char *process, struct mapping_figures *out);

/* Adds to a sum that began as mapping_figures_zero: a figure that one of them lacks, or that overflows, is absent. */
extern const struct mapping_figures mapping_figures_zero;
void mapping_figures_add(struct mapping_figures *sum, const struct mapping_figures *more);

#endif
