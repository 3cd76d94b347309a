/* What the files that know Ruby share: one Init a file, and how an error of ours is raised. */
#ifndef ALLOCSTATS_RB_ALLOCSTATS_H
#define ALLOCSTATS_RB_ALLOCSTATS_H

#include "status.h"

#include <ruby.h>

void init_errors(VALUE module);
void init_allocator(VALUE module);
void init_sample(VALUE module);
void init_census(VALUE module);
void init_private_heap(VALUE module);
void init_process_memory(VALUE module);
void init_cgroup(VALUE module);

/* AllocStats::Error and its children, which lib/allocstats/errors.rb defines before it loads the extension. */
extern VALUE error_base, error_unsupported, error_unknown_name;

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

#endif
