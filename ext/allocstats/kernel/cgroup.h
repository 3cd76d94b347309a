/*
 * The control group that a process's memory is charged to, v2 or v1, and the limits above it. Files of a dozen lines:
 * some hundred microseconds, by system calls that do not wait; called without the GVL all the same.
 */
#ifndef ALLOCSTATS_CGROUP_H
#define ALLOCSTATS_CGROUP_H

#include "cgroup_mounts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum cgroup_figure {
#define CGROUP_FIGURE(name, v2_file, v2_key, v1_file, v1_key) CGROUP_FIGURE_##name,
#include "cgroup_figures.def"
#undef CGROUP_FIGURE
	CGROUP_FIGURE_COUNT
};

/* Where a figure stands: [0] in version 1, [1] in version 2; NULL where that version has it not. */
struct cgroup_source {
	const char *name;
	struct {
		const char *file, *key;
	} in[2];
};
extern const struct cgroup_source cgroup_sources[CGROUP_FIGURE_COUNT];

/* What the files say for "no limit": "max" in v2, the largest whole page that v1's counter can hold. */
#define CGROUP_UNLIMITED UINT64_MAX

/* One number and how it was got: STATUS_UNSUPPORTED where the version, or the file, has no such line. */
struct cgroup_value {
	struct reading reading;
	uint64_t number;
};

/* A limit may stand at any level above: the smallest, how many levels up it stands, and the first that refused. */
struct cgroup_limit {
	struct cgroup_value value;
	unsigned levels_up;
	struct reading refused;
	unsigned refused_levels_up;
};

/* Pressure stall information: percent of time in hundredths, and microseconds in all. */
enum { PRESSURE_AVG10, PRESSURE_AVG60, PRESSURE_AVG300, PRESSURE_TOTAL, PRESSURE_FIELDS };

struct pressure {
	struct reading reading;
	bool has_some, has_full;
	uint64_t some[PRESSURE_FIELDS], full[PRESSURE_FIELDS];
};

/* 40 kB, most of it room for paths: nothing for a stack. */
struct cgroup {
	struct reading membership; /* of the process's cgroup */
	struct reading mounts;     /* of /proc/self/mountinfo */
	struct cgroup_places places;
	int version;         /* 1, 2, or 0 where no memory controller was found */
	char path[PATH_MAX]; /* the folder the figures were read in, without the root that was asked for */
	struct cgroup_value values[CGROUP_FIGURE_COUNT];
	struct cgroup_limit limit, high, swap_limit;
	char pressure_path[PATH_MAX]; /* the folder of memory.pressure; "" where there is no v2 hierarchy */
	struct pressure pressure;
};

/*
 * Reads what is below root: "" for the real one, or a made tree with proc/self/... and the mount points it names.
 * `process` is PROC_SELF or the folder of another.
 */
void cgroup_read(const char *root, const char *process, struct cgroup *out);

#endif
