/*
 * The memory of a process as the kernel counts it, in one pass over its mappings. Expensive beside a sample:
 * the kernel walks the page tables, which takes milliseconds in a large process, so it is called without the GVL. Takes
 * nothing from the malloc it measures.
 */
#ifndef ALLOCSTATS_PROCESS_MEMORY_H
#define ALLOCSTATS_PROCESS_MEMORY_H

#include "residency.h"
#include "residency_ruby.h"
#include "residency_stacks.h"

struct process_memory_request {
	const char *root;    /* "" for the real /proc, or the folder of a made tree, in which only names are evidence */
	const char *process; /* PROC_SELF, or the folder of another process, of which only names are evidence too */
	bool without_rollup; /* leave smaps_rollup alone: reading it costs nearly as much as smaps */
	heaps_finder find_heaps; /* of the allocator that serves this process; NULL where it has none */
	bool brk_is_malloc;      /* what lies below the program's break is that allocator's */
	struct ruby_heap ruby_heap;
};

struct process_memory {
	struct reading rollup, smaps;                     /* of the two files */
	struct mapping_figures whole;                     /* what smaps_rollup says */
	struct mapping_figures mapped;                    /* the sum over the mappings of smaps */
	struct mapping_figures kinds[MAPPING_KIND_COUNT]; /* which sum to `mapped`, figure by figure */
	uint64_t mappings;                                /* how many there are */
	uint32_t known_kinds;  /* a bit for each kind that a name, or a block of our own, proves */
	uint64_t ruby_pages;   /* of slots, named by Ruby or found */
	bool ruby_pages_known; /* those that it had not named were looked for */
	bool transient_heap_known;
	struct stacks stacks; /* how the threads' stacks were found; real process only */
	struct reading heaps; /* how malloc's heaps were found; where asked for */
};

/* `mapped`, `kinds` and what follows only hold where `smaps` is STATUS_OK, `whole` where `rollup` is. */
void process_memory_read(struct process_memory_request *request, struct process_memory *out);

/* MemTotal of root/proc/meminfo: the machine's physical memory in bytes. */
struct reading machine_memory_read(const char *root, uint64_t *bytes);

#endif
