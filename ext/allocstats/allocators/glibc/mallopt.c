#include "mallopt.h"
#include "allocator.h"
#include "ownership.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

const struct mallopt_description mallopt_descriptions[MALLOPT_COUNT] = {
#define MALLOPT(name, parameter, least, most, kind, variable, tunable, definition)                                     \
	{#name, #kind, parameter, least, most, variable, tunable, definition},
#include "mallopts.def"
#undef MALLOPT
};

static const int64_t nothing = INT64_MIN;
static _Atomic int64_t remembered[MALLOPT_COUNT] = {
#define MALLOPT(name, ...) INT64_MIN,
#include "mallopts.def"
#undef MALLOPT
};

enum status mallopt_set(enum mallopt option, int value) {
	const struct mallopt_description *description = &mallopt_descriptions[option];
	const struct loaded_object *owner = allocator_owner();
	int (*mallopt)(int parameter, int value) = NULL;
	if (owner && allocator_current() == &allocator_glibc) BIND(mallopt, owner, "mallopt");
	if (!mallopt) return STATUS_UNSUPPORTED;
	if (value < description->least || value > description->most) return STATUS_INVALID_VALUE;
	if (!mallopt(description->parameter, value)) return STATUS_INVALID_VALUE;
	atomic_store(&remembered[option], value);
	return STATUS_OK;
}

bool mallopt_remembered(enum mallopt option, int *value) {
	int64_t last = atomic_load(&remembered[option]);
	if (last == nothing) return false;
	*value = (int)last;
	return true;
}
