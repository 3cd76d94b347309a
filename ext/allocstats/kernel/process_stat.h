/*
 * Who a process is: its number and the time it was started, which together are given out once. A number alone is taken
 * again by another process as soon as the first one is gone.
 */
#ifndef ALLOCSTATS_PROCESS_STAT_H
#define ALLOCSTATS_PROCESS_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The start in clock ticks since the machine began, above 22 bits of number (the kernel's limit); 0 is nobody. */
typedef uint64_t process_identity;

enum { PROCESS_NUMBER_BITS = 22 };

static inline pid_t process_number(process_identity identity) {
	return (pid_t)(identity & ((1U << PROCESS_NUMBER_BITS) - 1));
}

struct process_stat {
	process_identity identity;
	pid_t parent;
	char state; /* as proc(5) has it: 'Z' has ended and was not yet waited for */
};

/* Reads /proc/<pid>/stat; false when there is no such process, or it does not tell. */
bool process_stat_read(pid_t pid, struct process_stat *out);

/* The same from the text of such a file. */
bool process_stat_parse(const char *text, struct process_stat *out);

/* Whose it is: the user that it runs as, in all four of the ways in which Linux tells (real, effective, saved, of
 * files). False where these are not one, and where there is no such process. */
bool process_user(pid_t pid, uid_t *user);

/* The calling process; 0 without a /proc. */
process_identity process_identity_of_self(void);

/* Whether that very process still runs; a zombie does not. */
bool process_is_alive(process_identity identity);

#endif
