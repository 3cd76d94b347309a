/*
 * The stacks of a profile, each kept once: a frame is a code object of the host's language and a line, a stack a leaf
 * in the tree of all stacks, and a site a stack with the native code that asked and the thread that it ran on. Nothing
 * moves and nothing goes until the table is cleared, so what a snapshot knows by number it may read without a lock.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_STACK_TABLE_H
#define ALLOCSTATS_HEAP_PROFILE_STACK_TABLE_H

#include "heap_profile/id_index.h"
#include "heap_profile/pool.h"
#include "heap_profile/sampling.h"

#include <stdbool.h>
#include <stdint.h>

enum { DEEPEST_STACK = 512, THREAD_NAME_BYTES = 16 };

enum stack_kind {
	STACK_FRAMES,    /* the thread ran the host's language: its frames are known */
	STACK_NO_GVL,    /* it ran without the lock that makes looking safe */
	STACK_COLLECTOR, /* the collector was at work */
};

struct stack {
	enum stack_kind kind;
	uint32_t depth; /* up to DEEPEST_STACK, innermost first; what lies further out is left off */
	bool cut;
	uintptr_t caller; /* the native code that called malloc; 0 where that is the host's own */
	uint32_t thread;
	uintptr_t frames[DEEPEST_STACK];
	int lines[DEEPEST_STACK];
};

struct frame {
	uintptr_t code;
	int line;
};

struct stack_node {
	uint32_t parent, frame; /* NO_ID for what has none */
};

struct site {
	enum stack_kind kind;
	bool cut;
	uint32_t node, thread; /* the innermost frame's node; NO_ID for a stack without frames */
	uintptr_t caller;
	struct estimate born; /* all that was sampled here */
};

struct thread_row {
	int id; /* the kernel's */
	char name[THREAD_NAME_BYTES];
};

struct stack_table {
	struct pool frames, nodes, sites, threads;
	struct id_index frame_index, node_index, site_index;
};

void stack_table_init(struct stack_table *table);
void stack_table_clear(struct stack_table *table);

/* The number of the stack's site; NO_ID when the table is full. */
uint32_t stack_table_site(struct stack_table *table, const struct stack *stack);
/* The number of a row for the calling thread; of the last row, which stands for all others, when there are too many. */
uint32_t stack_table_thread(struct stack_table *table);
/* Reads the calling thread's name anew into its row. */
void stack_table_name(struct stack_table *table, uint32_t thread);

#endif
