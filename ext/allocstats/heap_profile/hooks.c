#include "heap_profile/hooks.h"
#include "heap_profile/profile.h"

#include <errno.h>

const char *const heap_function_names[HEAP_FUNCTION_COUNT] = {
#define HEAP_FUNCTION(name, function, returned, parameters) name,
#include "functions.def"
#undef HEAP_FUNCTION
};

#define HEAP_FUNCTION(name, function, returned, parameters)                                                            \
	typedef returned function##_function parameters;                                                               \
	static function##_function *real_##function;
#include "functions.def"
#undef HEAP_FUNCTION

_Thread_local struct countdown heap_profile_countdown;
atomic_uint heap_profile_epoch;
_Atomic uint64_t heap_profile_filter[FILTER_WORDS];

#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define CALLER() ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

/* Counts `size` off, or says that this block has to be told of: all that an allocation costs most of the time. */
static inline bool due(size_t size) {
	struct countdown *countdown = &heap_profile_countdown;
	if (unlikely(countdown->epoch != atomic_load_explicit(&heap_profile_epoch, memory_order_relaxed))) return true;
	if (unlikely(size > countdown->bytes_left)) return true;
	countdown->bytes_left -= size;
	return false;
}

__attribute__((noinline, cold)) static void *tell(void *block, size_t size, uintptr_t caller) {
	if (block) heap_profile_born(block, size, caller);
	return block;
}

/* What `call` answers, told of if it is due. */
#define BORN(call, size) return unlikely(due(size)) ? tell((call), (size), CALLER()) : (call)

static inline void dies(void *block) {
	if (unlikely(may_be_sampled(block))) heap_profile_dies(block, NULL);
}

static void *hook_malloc(size_t size) {
	BORN(real_malloc(size), size);
}

static void *hook_calloc(size_t count, size_t size) {
	BORN(real_calloc(count, size), count * size);
}

/*
 * The old block leaves the table before the allocator can give its address to another thread, and comes back where
 * nothing came of it. A NULL for no bytes means that the block was freed.
 */
static inline void *resize(void *block, size_t size, uintptr_t caller) {
	struct live_sample sample;
	bool sampled = block && unlikely(may_be_sampled(block)) && heap_profile_dies(block, &sample);
	void *resized = real_realloc(block, size);
	if (resized) return unlikely(due(size)) ? tell(resized, size, caller) : resized;
	if (unlikely(sampled) && size > 0) heap_profile_lives_on(&sample);
	return NULL;
}

static void *hook_realloc(void *block, size_t size) {
	return resize(block, size, CALLER());
}

/* What the C library does itself, and then calls realloc: through a slot that may be redirected, or not. */
static void *hook_reallocarray(void *block, size_t count, size_t size) {
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return resize(block, bytes, CALLER());
}

static void hook_free(void *block) {
	dies(block);
	real_free(block);
}

static void hook_free_sized(void *block, size_t size) {
	dies(block);
	real_free_sized(block, size);
}

static void hook_free_aligned_sized(void *block, size_t alignment, size_t size) {
	dies(block);
	real_free_aligned_sized(block, alignment, size);
}

static int hook_posix_memalign(void **block, size_t alignment, size_t size) {
	int error = real_posix_memalign(block, alignment, size);
	if (error == 0 && unlikely(due(size))) tell(*block, size, CALLER());
	return error;
}

static void *hook_aligned_alloc(size_t alignment, size_t size) {
	BORN(real_aligned_alloc(alignment, size), size);
}

static void *hook_memalign(size_t alignment, size_t size) {
	BORN(real_memalign(alignment, size), size);
}

/* An exception of operator new passes through here: there is nothing to put in order. */
#define NEW(function, parameters, arguments)                                                                           \
	static void *hook_##function parameters {                                                                      \
		BORN(real_##function arguments, size);                                                                 \
	}
#define DELETE(function, parameters, arguments)                                                                        \
	static void hook_##function parameters {                                                                       \
		dies(block);                                                                                           \
		real_##function arguments;                                                                             \
	}
NEW(new_object, (size_t size), (size))
NEW(new_array, (size_t size), (size))
NEW(new_object_nothrow, (size_t size, const void *tag), (size, tag))
NEW(new_array_nothrow, (size_t size, const void *tag), (size, tag))
NEW(new_aligned, (size_t size, size_t alignment), (size, alignment))
NEW(new_array_aligned, (size_t size, size_t alignment), (size, alignment))
DELETE(delete_object, (void *block), (block))
DELETE(delete_array, (void *block), (block))
DELETE(delete_sized, (void *block, size_t size), (block, size))
DELETE(delete_array_sized, (void *block, size_t size), (block, size))
DELETE(delete_nothrow, (void *block, const void *tag), (block, tag))
DELETE(delete_array_nothrow, (void *block, const void *tag), (block, tag))
DELETE(delete_aligned, (void *block, size_t alignment), (block, alignment))
DELETE(delete_array_aligned, (void *block, size_t alignment), (block, alignment))
DELETE(delete_sized_aligned, (void *block, size_t size, size_t alignment), (block, size, alignment))
DELETE(delete_array_sized_aligned, (void *block, size_t size, size_t alignment), (block, size, alignment))

uintptr_t hook_address(enum heap_function function) {
	switch (function) {
#define HEAP_FUNCTION(name, function, returned, parameters)                                                            \
	case HEAP_FUNCTION_##function:                                                                                 \
		return (uintptr_t)hook_##function;
#include "functions.def"
#undef HEAP_FUNCTION
	case HEAP_FUNCTION_COUNT:
		break;
	}
	return 0;
}

uintptr_t hook_original(enum heap_function function) {
	switch (function) {
#define HEAP_FUNCTION(name, function, returned, parameters)                                                            \
	case HEAP_FUNCTION_##function:                                                                                 \
		return (uintptr_t)real_##function;
#include "functions.def"
#undef HEAP_FUNCTION
	case HEAP_FUNCTION_COUNT:
		break;
	}
	return 0;
}

bool hooks_bind(const struct loaded_object *owner) {
#define HEAP_FUNCTION(name, function, returned, parameters) BIND(real_##function, owner, name);
#include "functions.def"
#undef HEAP_FUNCTION
	return real_malloc && real_calloc && real_realloc && real_free;
}
