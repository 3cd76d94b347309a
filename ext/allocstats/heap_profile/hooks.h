/*
 * The functions that stand in malloc's place while a profile is on. Each calls the allocator's own and, when a sample
 * is due or the block is one that was sampled, tells the profile. Once handed out they may be called for ever, since
 * whoever copied one of them keeps it: with no profile on they only pass on.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_HOOKS_H
#define ALLOCSTATS_HEAP_PROFILE_HOOKS_H

#include "ownership.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum heap_function {
#define HEAP_FUNCTION(name, function, returned, parameters) HEAP_FUNCTION_##function,
#include "functions.def"
#undef HEAP_FUNCTION
	HEAP_FUNCTION_COUNT
};

extern const char *const heap_function_names[HEAP_FUNCTION_COUNT];

/* The stand-in, and the allocator's own function, which is 0 where the owner of malloc has none of this name. */
uintptr_t hook_address(enum heap_function function);
uintptr_t hook_original(enum heap_function function);

/* Binds the owner's functions: before the first slot is redirected. */
bool hooks_bind(const struct loaded_object *owner);

/*
 * What the hooks' short path looks at. A thread takes its next sample with the block that its countdown does not
 * reach beyond; a countdown that was drawn under another epoch says nothing. A block whose bit is not set was not
 * sampled.
 */
struct countdown {
	uint64_t bytes_left; /* a block that is larger is sampled */
	uint32_t epoch;
	bool busy; /* this thread is inside the profile: whatever it allocates meanwhile is not sampled */
	uint32_t thread;
	uint64_t random;
};
extern _Thread_local struct countdown heap_profile_countdown;
extern atomic_uint heap_profile_epoch;

enum { FILTER_BITS = 16, FILTER_WORDS = 1 << (FILTER_BITS - 6) };
extern _Atomic uint64_t heap_profile_filter[FILTER_WORDS];

/* The same hash finds the bit and the place in the table of live samples: its upper bits. */
static inline uint64_t hash_of_block(uintptr_t block) {
	return (uint64_t)(block >> 4) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline bool may_be_sampled(const void *block) {
	uint64_t bit = hash_of_block((uintptr_t)block) >> (64 - FILTER_BITS);
	return atomic_load_explicit(&heap_profile_filter[bit >> 6], memory_order_relaxed) >> (bit & 63) & 1;
}

#endif
