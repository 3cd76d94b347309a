/* What a worker says of itself in the shared memory that all workers of a server share. Fixed sizes, and no pointers.
 */
#ifndef ALLOCSTATS_WORKER_REPORT_H
#define ALLOCSTATS_WORKER_REPORT_H

#include "agent/history.h"
#include "kernel/process_stat.h"

#include <stdint.h>

/* What came of the last request that this worker answered. Outcome and reason are the words of the side that knows. */
struct worker_answer {
	uint64_t released; /* bytes, or HISTORY_ABSENT */
	double seconds;
	uint32_t begun;   /* number of the last request that this worker has taken up */
	uint32_t request; /* of the last one that it has answered; 0: none was */
	char outcome[16], reason[188];
};

struct worker_report {
	process_identity of;  /* whose report it is: a new owner's slot holds the last one's for a moment */
	uint64_t reported_at; /* by history_now; 0: not yet */
	uint32_t interval_ms;
	int32_t index; /* as the server counts its workers; -1 where it does not */
	uint64_t samples, purges, purged_bytes;
	struct sample sample;
	struct slow_figures slow;
	struct worker_answer answer;
	char title[16]; /* "worker", "master", ... as the process's title says; "" where it says nothing */
	char allocator[24], version[32], verdict[24];
};

#endif
