/*
 * The contract an allocator fulfils: a folder in allocators/ with an adapter.c, one line in allocators.def.
 *
 * No function here calls Ruby, raises or takes memory from the malloc it speaks of, unless its comment says so. They
 * may be called with or without the GVL and from any thread; after bind they only read what bind resolved. A NULL slot
 * means that this allocator has no such thing, which Ruby turns into AllocStats::Unsupported.
 */
#ifndef ALLOCSTATS_ALLOCATOR_H
#define ALLOCSTATS_ALLOCATOR_H

#include "sample.h"
#include "status.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>

struct loaded_object;
struct mappings;
struct owned_ranges;
struct reading;

/* Whether a block that a caller's `take` gave came out of this allocator. */
enum proof { PROOF_NONE, PROOF_CONFIRMED, PROOF_REFUTED };
typedef void *(*take_block)(size_t bytes);
typedef void (*give_back_block)(void *block);

struct allocator {
	const char *name;

	/* A function that only this allocator exports: an object that has it carries this allocator, used or not. */
	const char *mark;

	/* The figures of its own that it can measure on some version; a sample may hold fewer, never more. */
	figure_mask figures;

	/*
	 * Resolves the allocator's functions in `owner`, the object that owns malloc, and says whether it is this one.
	 * Called once, before any other slot.
	 */
	bool (*bind)(const struct loaded_object *owner);

	/* Writes the running version, as "5.3.0"; false when it does not tell. */
	bool (*version)(char *out, size_t size);

	/* Takes one block and looks whose it is. The only slot that calls the measured malloc. */
	enum proof (*prove)(take_block take, give_back_block give_back);

	/* Adds its figures to the sample: microseconds, no heap walk, no lock held for long. */
	void (*sample)(struct sample *out);

	/* Of figures whose meaning on this allocator needs a remark: a sentence; NULL for the others. */
	const char *notes[FIGURE_COUNT];

	/*
	 * The bytes that malloc has given to the calling thread, and taken back from it, since the thread began; block
	 * by block, and in some ten nanoseconds. False where this build does not count.
	 */
	bool (*thread_bytes)(uint64_t *given, uint64_t *taken);

	/*
	 * The allocator's own full account of itself, in its own format, which `stats_dump_format` names. Expensive:
	 * may walk the heap under the allocator's locks, so it runs without the GVL and only when asked for by name.
	 */
	enum status (*stats_dump)(struct text *out);
	const char *(*stats_dump_format)(void);

	/*
	 * Where it keeps its memory, of the calling process: tells what it can prove, as residency.h has it; `known`
	 * are the settled ranges of others, to be passed over. Milliseconds, without the GVL. NULL where only the names
	 * of mappings tell.
	 */
	struct reading (*find_heaps)(
		const struct mappings *mappings, const struct owned_ranges *known, struct owned_ranges *owned);
	bool takes_brk; /* what lies below the program's break is its own */

	/*
	 * Giving memory back, in this order (purge.h). purge_begin brings the options to where free pages really return
	 * to the kernel, and purge_end puts back what the user has; purge_thread gives back what belongs to the calling
	 * thread alone; purge gives back what is kept for the process. Milliseconds, growing with what is given back.
	 * Without the GVL, but for purge_thread at a safe point.
	 */
	void (*purge_begin)(void);
	void (*purge_end)(void);
	void (*purge_thread)(void);
	enum status (*purge)(void);

	/*
	 * What a fork takes away from the child and the allocator can bring back. before_fork notes in the forking
	 * thread what is there; after_fork brings it back in the child once the fork is over, and says whether it had
	 * to.
	 */
	void (*before_fork)(void);
	bool (*after_fork)(void);

	/* What these are in the allocator's own words, as "arena.4096.purge". */
	const char *purge_begin_words, *purge_thread_words, *purge_words;
};

#define ALLOCATOR(name) extern const struct allocator allocator_##name;
#include "allocators.def"

enum {
#define ALLOCATOR(name) ALLOCATOR_INDEX_##name,
#include "allocators.def"
	ALLOCATOR_COUNT
};

/* All of them, in the order of allocators.def. */
extern const struct allocator *const allocators[ALLOCATOR_COUNT];

/* The allocator that owns malloc in this process, found at the first call and the same ever after; never NULL. */
const struct allocator *allocator_current(void);

/* The object that owns malloc, for those who look up more of its functions; NULL where none was found. */
const struct loaded_object *allocator_owner(void);

/* Clears `out` and fills what the process and the current allocator measure. */
void allocator_sample(struct sample *out);

#endif
