/*
 * mallopt(3) of glibc. It has no counterpart that reads, so what was set through here is remembered; a value that was
 * set otherwise is not seen.
 */
#ifndef ALLOCSTATS_MALLOPT_H
#define ALLOCSTATS_MALLOPT_H

#include "status.h"

#include <stdbool.h>

enum mallopt {
#define MALLOPT(name, ...) MALLOPT_##name,
#include "mallopts.def"
#undef MALLOPT
	MALLOPT_COUNT
};

struct mallopt_description {
	const char *name, *kind;
	int parameter, least, most;
	const char *variable, *tunable, *definition; /* variable is NULL where there is none */
};
extern const struct mallopt_description mallopt_descriptions[MALLOPT_COUNT];

/*
 * STATUS_UNSUPPORTED where malloc is not glibc's, STATUS_INVALID_VALUE out of bounds or where mallopt refused. Takes
 * the main arena's lock and joins its small free blocks. Calls no malloc.
 */
enum status mallopt_set(enum mallopt option, int value);

/* What was last set here, in this process or before it was forked; false if nothing was. */
bool mallopt_remembered(enum mallopt option, int *value);

#endif
