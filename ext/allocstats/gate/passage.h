/*
 * What an environment becomes for a program that an allocator is meant for, or is not. It says so itself:
 *
 *   ALLOCSTATS_ONLY           names of the programs that it is meant for, "ruby:puma"
 *   ALLOCSTATS_ONLY_LIBRARY   the allocator, as it is in LD_PRELOAD; empty for the C library's own
 *   ALLOCSTATS_ONLY_WITH      what else the allocator is told, "NAME=value" with 0x1f between two
 *   ALLOCSTATS_ONLY_WITHOUT   what was there instead
 *
 * An environment without these, or whose LD_PRELOAD has no gate, was made by somebody who knows why; it is left alone.
 *
 * The room for the new one is the caller's, on the stack of whoever calls exec: this runs in children of vfork, on
 * their parent's memory, and between fork and exec, where malloc may be locked for good.
 */
#ifndef ALLOCSTATS_PASSAGE_H
#define ALLOCSTATS_PASSAGE_H

#include <stdbool.h>
#include <stddef.h>

/* The gate's own file, as it is found in LD_PRELOAD. */
#define GATE_FILE "allocstats_gate.so"

/* A variable's value, NULL where it is not in there. */
const char *environment_value(char *const environment[], const char *name);

/* The room that passage_edit takes for this environment, in pointers; 0 where it would leave it alone. */
size_t passage_room(char *const environment[]);

/* Answers one made of `environment` in `room`, or `environment` itself where it says nothing or grew meanwhile. */
char *const *passage_edit(char *room[], size_t room_size, char *const environment[], bool meant);

#endif
