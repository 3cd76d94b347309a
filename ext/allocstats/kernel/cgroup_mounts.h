/* Which folders are a process's control groups, as the calling process sees them. */
#ifndef ALLOCSTATS_CGROUP_MOUNTS_H
#define ALLOCSTATS_CGROUP_MOUNTS_H

#include "line_reader.h"

#include <limits.h>

/* The process's place in one hierarchy. */
struct cgroup_place {
	char path[PATH_MAX];        /* the group's path as /proc/self/cgroup has it; "" where the process is in none */
	char mount_point[PATH_MAX]; /* where the hierarchy is mounted; "" where it is not */
	char folder[PATH_MAX]; /* the group's folder; the mount point itself where its path leads out of the mount */
	bool is_below_mount;   /* whether the mount shows the group's own path */
};

struct cgroup_places {
	struct cgroup_place memory_v1; /* the v1 hierarchy that has the memory controller */
	struct cgroup_place unified;   /* v2 */
};

/*
 * Says how reading the process's cgroup and the caller's own /proc/self/mountinfo below root went: both have the
 * caller's view of the hierarchy.
 */
void cgroup_places_find(const char *root, const char *process, struct cgroup_places *out, struct reading *membership,
	struct reading *mounts);

#endif
