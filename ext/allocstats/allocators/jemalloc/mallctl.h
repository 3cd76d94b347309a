/*
 * Calls of jemalloc's mallctl, by the names and types of mallctl_names.h. Every index is checked before jemalloc sees
 * it, because jemalloc does not check all of them; a name is resolved to its MIB once, and numbers are put into that.
 *
 * All functions may be called from any thread. Reading takes some ten nanoseconds, of a snapshot after mallctl_refresh
 * some microseconds for each arena; acting and writing may purge, start and end threads or write files, so they are
 * better called without the GVL.
 */
#ifndef ALLOCSTATS_MALLCTL_H
#define ALLOCSTATS_MALLCTL_H

#include "mallctl_names.h"
#include "status.h"

enum mallctl_problem {
#define MALLCTL_PROBLEM(id) MALLCTL_PROBLEM_##id,
#include "mallctl_words.def"
	MALLCTL_PROBLEM_COUNT
};
extern const char *const mallctl_problem_names[MALLCTL_PROBLEM_COUNT];

enum { MALLCTL_DEPTH = 7, MALLCTL_BUFFER_SIZE = 256 };

/* What a call is about, and what was wrong with it. */
struct mallctl_target {
	struct mallctl_name name;
	size_t mib[MALLCTL_DEPTH];
	size_t length; /* of the MIB */

	/* after a status other than STATUS_OK */
	enum mallctl_problem problem;
	unsigned wrong; /* which of the indices */
	size_t limit;   /* how many there are */
	int error;      /* what jemalloc answered */
};

struct mallctl_value {
	union {
		bool boolean;
		uint64_t natural;
		int64_t integer;
		const char *string; /* jemalloc's own: to be copied at once; NULL where it has none */
		uintptr_t address;
		uint64_t pair[2];
	};
	char buffer[MALLCTL_BUFFER_SIZE]; /* where `string` points to, of a MALLCTL_BUFFER */
};

/* jemalloc's functions; tests put others in their place. */
struct mallctl_functions {
	int (*to_mib)(const char *name, size_t *mib, size_t *length);
	int (*by_mib)(const size_t *mib, size_t length, void *old, size_t *old_size, void *given, size_t given_size);
};
void mallctl_use(const struct mallctl_functions *functions);

/* Whether jemalloc owns malloc in this process and has these functions. */
bool mallctl_available(void);

/*
 * Checks the indices and resolves the name: of an entry that is not in the table, as it is. STATUS_INVALID_VALUE with
 * one of the index problems; STATUS_UNSUPPORTED when the running jemalloc has no such name.
 */
enum status mallctl_reach(struct mallctl_target *target);

/* Brings what snapshots read up to date. */
enum status mallctl_refresh(void);

/* Of a target that was reached. A string is to be copied before anything else is called. */
enum status mallctl_read(struct mallctl_target *target, struct mallctl_value *out);
enum status mallctl_act(struct mallctl_target *target);
enum status mallctl_ask(struct mallctl_target *target, const struct mallctl_value *given, struct mallctl_value *out);

/* With `before`, what was read before, a write that failed half-way is undone; NULL where it cannot be read. */
enum status mallctl_write(
	struct mallctl_target *target, const struct mallctl_value *given, const struct mallctl_value *before);

/* The least and the greatest integer that fit; of a string, the greatest length. */
struct mallctl_range {
	int64_t least;
	uint64_t greatest;
};
struct mallctl_range mallctl_range(const struct mallctl *entry);

/* Whether an integer in the range is also the index of an arena that can be used; true for all other entries. */
bool mallctl_takes(const struct mallctl *entry, uint64_t value);

#endif
