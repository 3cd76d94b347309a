/*
 * musl's malloc (oldmalloc or mallocng). It has no statistics, no options and no way to be purged; recognising it lets
 * allocstats say so by name.
 */
#include "allocator.h"
#include "ownership.h"

static bool bind(const struct loaded_object *owner) {
	return owner->libc && !owner_symbol(owner, "gnu_get_libc_version") && owner_symbol(owner, "__libc_start_main");
}

const struct allocator allocator_musl = {.name = "musl", .bind = bind};
