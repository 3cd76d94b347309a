/* Which programs are those that an allocator is meant for. Writes nothing but its own stack. */
#ifndef ALLOCSTATS_EXEC_FILTER_PROGRAM_H
#define ALLOCSTATS_EXEC_FILTER_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a program has one of the names ("ruby:puma"), or is a script whose interpreter has. A version behind a name
 * counts as the same: /usr/bin/ruby3.1 is a ruby. `searched`: a program without a slash is looked for in PATH, as
 * execvp(3) does.
 */
bool program_is_among(const char *names, const char *program, bool searched);

/* The stack that looking a program up takes, beside some hundred bytes. */
size_t program_bytes(const char *program, bool searched);

#endif
