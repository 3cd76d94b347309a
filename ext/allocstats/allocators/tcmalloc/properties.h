/*
 * What tcmalloc of gperftools lets a process read and set: numeric properties by name, the rate at which free pages go
 * back to the kernel, and all of them at once. No function here calls malloc; each is STATUS_UNSUPPORTED where malloc
 * is not tcmalloc's.
 */
#ifndef ALLOCSTATS_TCMALLOC_PROPERTIES_H
#define ALLOCSTATS_TCMALLOC_PROPERTIES_H

#include "status.h"

#include <stddef.h>

struct tcmalloc_property {
	const char *name, *unit, *kind, *definition;
	size_t least, most; /* of those that can be set */
};
extern const struct tcmalloc_property tcmalloc_properties[];
extern const size_t tcmalloc_property_count;

/* STATUS_UNKNOWN_NAME where the running version has no such property. */
enum status tcmalloc_property_read(const char *name, size_t *value);

/*
 * Sets and reads back. STATUS_READ_ONLY where the version does not let it be set, STATUS_INVALID_VALUE if it does not
 * show the new value afterwards, in which case it has its old one again.
 */
enum status tcmalloc_property_write(const char *name, size_t value, size_t *before);

/* 0: pages never go back by themselves; 1 is the default, and what is reasonable ends at 10. */
enum status tcmalloc_release_rate_read(double *rate);
enum status tcmalloc_release_rate_write(double rate);

/* Gives the free pages of the page heap back, under its lock; `released` gets how many bytes they were. */
enum status tcmalloc_release_free(size_t *released);

#endif
