/*
 * /proc/self/statm: size, resident set and what of it are files and shared memory, of this process, in pages
 * (proc(5)), given here in bytes.
 *
 * The descriptor is kept, since reading costs a quarter of opening. The host may close any descriptor at any time and
 * open something else under its number, so device and inode are compared before each reading; a descriptor opened
 * before a fork speaks of the parent and is replaced.
 */
#ifndef ALLOCSTATS_STATM_H
#define ALLOCSTATS_STATM_H

#include <stdbool.h>
#include <stdint.h>

struct statm {
	uint64_t size, resident, shared;
};

/* False when the file cannot be read: no /proc, or no descriptor left. Any thread, any process, with or without GVL. */
bool statm_read(struct statm *statm);

/* The same from the text of such a file; false when it is not three numbers or they overflow. */
bool statm_parse(const char *text, uint64_t page_bytes, struct statm *statm);

#endif
