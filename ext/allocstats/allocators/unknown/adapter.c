/* The owner of malloc that no other file here knows: named by its path, and silent about itself. */
#include "allocator.h"
#include "ownership.h"

static bool bind(const struct loaded_object *owner) {
	(void)owner;
	return true;
}

const struct allocator allocator_unknown = {.name = "unknown", .bind = bind};
