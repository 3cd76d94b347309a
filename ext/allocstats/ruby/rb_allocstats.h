/* What the files that know Ruby share: one Init a file, and how an error of ours is raised. */
#ifndef ALLOCSTATS_RB_ALLOCSTATS_H
#define ALLOCSTATS_RB_ALLOCSTATS_H

#include "status.h"

#include <ruby.h>
#include <time.h>

#define RB_PART(name) void init_##name(VALUE module);
#include "rb_parts.def"
#undef RB_PART
#define NATIVE_API(name) void init_##name(VALUE room);
#include "allocators.def"

/* AllocStats::Allocators::Jemalloc for "jemalloc": the module that has all that Ruby knows of one. */
VALUE allocator_room(VALUE module, const char *name);

/* AllocStats::Error and its children, which lib/allocstats/errors.rb defines before it loads the extension. */
extern VALUE error_base, error_unsupported, error_unknown_name, error_invalid_value, error_read_only, error_refused,
	error_not_started;

/* Raises what a status means for `what`, a noun phrase; returns for STATUS_OK. */
void raise_unless_ok(enum status status, const char *what);

/* A Symbol of a C string, for keys of the hashes that the core's answers become. */
static inline VALUE symbol(const char *name) {
	return ID2SYM(rb_intern(name));
}

/* true or false (RBOOL came with Ruby 3.2) */
static inline VALUE boolean(int truth) {
	return truth ? Qtrue : Qfalse;
}

/* A clock for what took how long. */
static inline double seconds_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
