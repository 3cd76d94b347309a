/*
 * What an environment becomes for a program that an allocator is meant for, or is not. It says so itself:
 *
 *   ALLOCSTATS_ONLY           names of the programs that it is meant for, "ruby:puma"
 *   ALLOCSTATS_ONLY_LIBRARY   the allocator, as it is in LD_PRELOAD; empty for the C library's own
 *   ALLOCSTATS_ONLY_WITH      what else the allocator is told, "NAME=value" with 0x1f between two
 *   ALLOCSTATS_ONLY_WITHOUT   what was there instead
 *
 * An environment without these, or whose LD_PRELOAD has no filter, was made by somebody who knows why; it is left
 * alone.
 *
 * The room for the new one is the caller's, on the stack of whoever calls exec: this runs in children of vfork, on
 * their parent's memory, and between fork and exec, where malloc may be locked for good.
 */
#ifndef ALLOCSTATS_EDITED_ENVIRONMENT_H
#define ALLOCSTATS_EDITED_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* The filter's own file, as it is found in LD_PRELOAD. */
#define EXEC_FILTER_FILE "allocstats_exec_filter.so"

/* A variable's value, NULL where it is not in there. */
const char *environment_value(char *const environment[], const char *name);

/* The room that edited_environment takes for this environment, in pointers; 0 where it would leave it alone. */
size_t edited_environment_room(char *const environment[]);

/* Answers one made of `environment` in `room`, or `environment` itself where it says nothing or grew meanwhile. */
char *const *edited_environment(char *room[], size_t room_size, char *const environment[], bool meant);

#endif
