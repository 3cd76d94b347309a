/*
 * Who owns malloc. The owner is the loaded object that the dynamic linker's global search order gives for the
 * function's name, which is what every object that calls malloc was bound to; environment variables and map lines prove
 * nothing and are not looked at here.
 */
#ifndef ALLOCSTATS_OWNERSHIP_H
#define ALLOCSTATS_OWNERSHIP_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum owned_function {
#define OWNED_FUNCTION(name) OWNED_##name,
#include "owned_functions.def"
#undef OWNED_FUNCTION
	OWNED_FUNCTION_COUNT
};
extern const char *const owned_function_names[OWNED_FUNCTION_COUNT];

struct loaded_object {
	char *path;        /* as the linker knows it; of the main program, the target of /proc/self/exe */
	uintptr_t base;    /* lowest mapped address */
	void *handle;      /* of dlopen, for owner_symbol */
	bool main_program; /* the executable itself */
	bool libc;         /* the C library, which would own malloc if nobody replaced it */
	uint32_t carries;  /* one bit an allocator of allocators.def whose mark this object exports */
};

struct ownership {
	struct loaded_object *objects; /* every loaded object that owns one of the functions or carries an allocator */
	size_t object_count;
	int owner[OWNED_FUNCTION_COUNT]; /* index into objects; -1 where the function does not exist here */
};

/* Looks everything up afresh: walks the list of loaded objects, some hundred microseconds. */
enum status ownership_read(struct ownership *out);
void ownership_free(struct ownership *ownership);

/*
 * Visits the linker's name of every loaded object ("" for the main program) in the global search order, outside of the
 * linker's lock.
 */
enum status ownership_each_loaded(void (*visit)(const char *name, void *data), void *data);

/* The object that owns malloc alone, kept open for the life of the process; false when malloc has no owner to be found.
 */
bool ownership_of_malloc(struct loaded_object *out);
void loaded_object_close(struct loaded_object *object);

/* The address of `name` in this very object, not in one it depends on; NULL when it has none. */
void *owner_symbol(const struct loaded_object *object, const char *name);

/* Assigns the address of a function to a function pointer, which ISO C has no cast for. */
#define BIND(pointer, object, name) (*(void **)&(pointer) = owner_symbol((object), (name)))

#endif
