/*
 * mi_process_info. Its second memory figure, "current rss", is not here: on Linux mimalloc does not measure it and
 * gives its committed bytes instead.
 */
#ifndef ALLOCSTATS_MI_PROCESS_INFO_H
#define ALLOCSTATS_MI_PROCESS_INFO_H

#include "status.h"

#include <stddef.h>

struct mi_process_info {
	size_t elapsed_ms, user_ms, system_ms; /* since mimalloc started; of all threads */
	size_t peak_rss;                       /* getrusage(2), ru_maxrss, in bytes */
	size_t committed, peak_committed;      /* bytes, by mimalloc's own count */
	size_t page_faults;                    /* those that had to read a file or swap: ru_majflt */
};

/* STATUS_UNSUPPORTED where malloc is not mimalloc's. Some system calls, no malloc. */
enum status mi_process_info_read(struct mi_process_info *out);

#endif
