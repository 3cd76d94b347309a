/*
 * What an environment becomes for a program that an allocator is meant for, or is not. It says so itself:
 *
 *   ALLOCSTATS_ONLY           names of the programs that it is meant for, "ruby:puma"
 *   ALLOCSTATS_ONLY_LIBRARY   the allocator, as it is in LD_PRELOAD; empty for the C library's own
 *   ALLOCSTATS_ONLY_WITH      what else the allocator is told, "NAME=value" with 0x1f between two
 *   ALLOCSTATS_ONLY_WITHOUT   what was there instead
 *
 * An environment without these, or whose LD_PRELOAD has no gate, was made by somebody who knows why; it is left alone,
 * and so is what does not fit into a passage.
 */
#ifndef ALLOCSTATS_PASSAGE_H
#define ALLOCSTATS_PASSAGE_H

#include <stdbool.h>

/* The gate's own file, as it is found in LD_PRELOAD. */
#define GATE_FILE "allocstats_gate.so"

enum { MOST_VARIABLES = 2048, MOST_ADDED = 32, MOST_BYTES = 8 * 1024 };

/* The room that it takes, on the stack of whoever calls exec: this runs in children of vfork, on their parent's memory.
 */
struct passage {
	char *environment[MOST_VARIABLES + MOST_ADDED + 1];
	char *with[MOST_ADDED + 1], *without[MOST_ADDED + 1];
	char preload[MOST_BYTES], with_text[MOST_BYTES], without_text[MOST_BYTES];
};

/* A variable's value, NULL where it is not in there. */
const char *environment_value(char *const environment[], const char *name);

/* Answers `environment` itself, or one made of it in `passage`. */
char *const *passage_edit(struct passage *passage, char *const environment[], bool meant);

#endif
