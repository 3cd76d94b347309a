#include "mallctl.h"
#include "allocator.h"
#include "ownership.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const char *const mallctl_problem_names[] = {
#define MALLCTL_PROBLEM(id) #id,
#include "mallctl_words.def"
};

static struct mallctl_functions jemalloc;

static void bind(void) {
	const struct loaded_object *owner = allocator_owner();
	if (allocator_current() != &allocator_jemalloc || !owner) return;
	BIND(jemalloc.to_mib, owner, "mallctlnametomib");
	BIND(jemalloc.by_mib, owner, "mallctlbymib");
}

bool mallctl_available(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, bind);
	return jemalloc.to_mib && jemalloc.by_mib;
}

enum {
	NAMES = sizeof((const char *const[]){
#define MALLCTL(name, ...) (name),
#include "mallctls.def"
#undef MALLCTL
		}) /
		sizeof(char *)
};

/* Names are resolved once, with 0 for every index: `state` says whether the others are filled in. */
enum resolution { UNRESOLVED, RESOLVING, RESOLVED };
static struct resolved_name {
	atomic_int state;
	size_t length;
	size_t mib[MALLCTL_DEPTH];
} resolved[NAMES];

void mallctl_use(const struct mallctl_functions *functions) {
	mallctl_available();
	jemalloc = *functions;
	for (size_t i = 0; i < mallctl_count; i++) atomic_store(&resolved[i].state, UNRESOLVED);
}

static bool in_table(const struct mallctl *entry) {
	return entry >= mallctls && entry < mallctls + mallctl_count;
}

static int ask_for_mib(const char *name, struct mallctl_target *target) {
	target->length = MALLCTL_DEPTH;
	return jemalloc.to_mib(name, target->mib, &target->length);
}

static int resolve_first_of_each(const struct mallctl *entry, struct mallctl_target *target) {
	char name[MALLCTL_LONGEST_NAME + 1];
	const char *rest = entry->name, *end = rest + strlen(rest);
	struct mallctl_part part;
	size_t length = 0;
	while (mallctl_next_part(&rest, end, &part)) {
		if (mallctl_part_is_placeholder(&part)) part = (struct mallctl_part){"0", 1};
		memcpy(name + length, part.text, part.length);
		length += part.length;
		name[length++] = rest ? '.' : '\0';
	}
	return ask_for_mib(name, target);
}

/* Whoever finds another thread at work resolves for itself alone. */
static int resolve(struct mallctl_target *target) {
	const struct mallctl *entry = target->name.entry;
	if (!in_table(entry)) return ask_for_mib(entry->name, target);
	struct resolved_name *kept = &resolved[entry - mallctls];
	if (atomic_load_explicit(&kept->state, memory_order_acquire) == RESOLVED) {
		target->length = kept->length;
		memcpy(target->mib, kept->mib, sizeof kept->mib);
		return 0;
	}
	int error = resolve_first_of_each(entry, target), unresolved = UNRESOLVED;
	if (error || !atomic_compare_exchange_strong(&kept->state, &unresolved, RESOLVING)) return error;
	kept->length = target->length;
	memcpy(kept->mib, target->mib, sizeof kept->mib);
	atomic_store_explicit(&kept->state, RESOLVED, memory_order_release);
	return 0;
}

static enum status fail(struct mallctl_target *target, enum status status, enum mallctl_problem problem) {
	target->problem = problem;
	return status;
}

static int call(struct mallctl_target *target, struct mallctl_value *out, const struct mallctl_value *given);

/* Reads a row for this file's own use; `index` is that of the arena, where the name has one. */
static bool read_own(const char *name, size_t index, struct mallctl_value *out) {
	struct mallctl_target target;
	if (mallctl_find(name, strlen(name), &target.name) != STATUS_OK || resolve(&target) != 0) return false;
	if (target.name.indices) target.mib[1] = index;
	return call(&target, out, NULL) == 0;
}

static size_t read_count(const char *name) {
	struct mallctl_value value = {.natural = 0};
	return read_own(name, 0, &value) ? (size_t)value.natural : 0;
}

/* What jemalloc has but does not count: the first index that it does not resolve. */
static size_t count_by_trying(const char *form) {
	char name[MALLCTL_LONGEST_NAME + 1];
	struct mallctl_target target;
	size_t there = 0, beyond = 4096;
	while (there < beyond) {
		size_t middle = there + (beyond - there) / 2;
		snprintf(name, sizeof name, form, middle);
		if (ask_for_mib(name, &target) == 0)
			there = middle + 1;
		else
			beyond = middle;
	}
	return there;
}

/* How many there are of what is named before an index. */
static size_t count_of(const struct mallctl_part *indexed) {
	if (mallctl_part_is(indexed, "bin") || mallctl_part_is(indexed, "bins")) return read_count("arenas.nbins");
	if (mallctl_part_is(indexed, "lextent") || mallctl_part_is(indexed, "lextents"))
		return read_count("arenas.nlextents");
	if (mallctl_part_is(indexed, "extents")) return count_by_trying("stats.arenas.0.extents.%zu.ndirty");
	if (mallctl_part_is(indexed, "nonfull_slabs"))
		return count_by_trying("stats.arenas.0.hpa_shard.nonfull_slabs.%zu.nactive_huge");
	return read_count("arenas.narenas");
}

static bool takes_sum(const struct mallctl *entry, size_t index) {
	return (index == MALLCTL_ARENAS_ALL && entry->sums >= MALLCTL_SUM_ALL) ||
	       (index == MALLCTL_ARENAS_DESTROYED && entry->sums >= MALLCTL_SUM_ALL_AND_DESTROYED);
}

static enum status check_index(struct mallctl_target *target, unsigned which, const struct mallctl_part *indexed) {
	size_t index = target->name.index[which];
	bool of_arenas = mallctl_part_is(indexed, "arena") || mallctl_part_is(indexed, "arenas");
	target->wrong = which;
	if (of_arenas && takes_sum(target->name.entry, index)) return STATUS_OK;
	target->limit = count_of(indexed);
	if (index < target->limit) return STATUS_OK;
	if (index == MALLCTL_INDEX_MISSING) return fail(target, STATUS_INVALID_VALUE, MALLCTL_PROBLEM_index_missing);
	if (of_arenas && (index == MALLCTL_ARENAS_ALL || index == MALLCTL_ARENAS_DESTROYED))
		return fail(target, STATUS_INVALID_VALUE, MALLCTL_PROBLEM_index_alone);
	return fail(target, STATUS_INVALID_VALUE, MALLCTL_PROBLEM_index_beyond);
}

/* Each part of a name is one number of the MIB, which for an index is the index itself. */
static enum status fill_in_indices(struct mallctl_target *target) {
	const char *rest = target->name.entry->name, *end = rest + strlen(rest);
	struct mallctl_part part, before = {"", 0};
	unsigned which = 0;
	for (size_t depth = 0; mallctl_next_part(&rest, end, &part); depth++, before = part) {
		if (!mallctl_part_is_placeholder(&part)) continue;
		enum status status = check_index(target, which, &before);
		if (status != STATUS_OK) return status;
		target->mib[depth] = target->name.index[which++];
	}
	return STATUS_OK;
}

enum status mallctl_reach(struct mallctl_target *target) {
	target->problem = MALLCTL_PROBLEM_none;
	target->error = resolve(target);
	if (target->error == ENOENT) {
		/* these are no names at all where nothing is recorded */
		bool unrecorded = target->name.entry->needs == MALLCTL_NEEDS_PROF_STATS;
		return fail(target, STATUS_UNSUPPORTED, unrecorded ? MALLCTL_PROBLEM_unmet : MALLCTL_PROBLEM_absent);
	}
	if (target->error) return fail(target, STATUS_UNREADABLE, MALLCTL_PROBLEM_declined);
	return in_table(target->name.entry) ? fill_in_indices(target) : STATUS_OK;
}

enum status mallctl_refresh(void) {
	struct mallctl_target epoch = {.name = {.indices = 0}};
	uint64_t any = 1;
	if (mallctl_find("epoch", strlen("epoch"), &epoch.name) != STATUS_OK || resolve(&epoch) != 0)
		return STATUS_UNSUPPORTED;
	return jemalloc.by_mib(epoch.mib, epoch.length, NULL, NULL, &any, sizeof any) == 0 ? STATUS_OK
											   : STATUS_UNREADABLE;
}

union raw {
	bool boolean;
	uint32_t natural32;
	uint64_t natural64;
	int32_t integer32;
	int64_t integer64;
	const char *string;
	uintptr_t address;
	uint64_t pair[2];
};

static void decode(struct mallctl_form form, const union raw *raw, struct mallctl_value *out) {
	bool short_one = form.size == sizeof(uint32_t);
	switch (form.kind) {
	case MALLCTL_BOOLEAN:
		out->boolean = raw->boolean;
		break;
	case MALLCTL_NATURAL:
		out->natural = short_one ? raw->natural32 : raw->natural64;
		break;
	case MALLCTL_INTEGER:
		out->integer = short_one ? raw->integer32 : raw->integer64;
		break;
	case MALLCTL_STRING:
	case MALLCTL_BUFFER:
		out->string = raw->string;
		break;
	case MALLCTL_ADDRESS:
		out->address = raw->address;
		break;
	case MALLCTL_PAIR:
		memcpy(out->pair, raw->pair, sizeof out->pair);
		break;
	case MALLCTL_NOTHING:
	case MALLCTL_STRUCTURE:
		break;
	}
}

static void encode(struct mallctl_form form, const struct mallctl_value *value, union raw *out) {
	bool short_one = form.size == sizeof(uint32_t);
	*out = (union raw){.pair = {0, 0}};
	if (form.kind == MALLCTL_BOOLEAN)
		out->boolean = value->boolean;
	else if (form.kind == MALLCTL_NATURAL && short_one)
		out->natural32 = (uint32_t)value->natural;
	else if (form.kind == MALLCTL_NATURAL)
		out->natural64 = value->natural;
	else if (form.kind == MALLCTL_INTEGER && short_one)
		out->integer32 = (int32_t)value->integer;
	else if (form.kind == MALLCTL_INTEGER)
		out->integer64 = value->integer;
	else if (form.kind == MALLCTL_STRING)
		out->string = value->string;
	else if (form.kind == MALLCTL_ADDRESS)
		out->address = value->address;
}

/* "arena.<i>.initialized" is a snapshot, which is brought up to date here. */
static bool is_idle(const struct mallctl_target *target) {
	struct mallctl_value initialized = {.boolean = false};
	const char *name = target->name.entry->name;
	bool of_arena = strncmp(name, "arena.<i>.", 10) == 0 || strncmp(name, "stats.arenas.<i>.", 17) == 0;
	return of_arena && mallctl_refresh() == STATUS_OK &&
	       read_own("arena.0.initialized", target->name.index[0], &initialized) && !initialized.boolean;
}

/* What an answer of jemalloc means. `given`: whether it was about a value. */
static enum status judge(struct mallctl_target *target, int error, bool given) {
	target->error = error;
	if (error == 0) return STATUS_OK;
	if (target->name.indices && (error == ENOENT || error == EFAULT) && is_idle(target)) {
		target->wrong = 0;
		return fail(target, STATUS_INVALID_VALUE, MALLCTL_PROBLEM_index_idle);
	}
	bool no_cache = error == EFAULT && target->name.entry->needs == MALLCTL_NEEDS_CACHE;
	if (error == ENOENT || no_cache) return fail(target, STATUS_UNSUPPORTED, MALLCTL_PROBLEM_unmet);
	fail(target, STATUS_UNREADABLE, MALLCTL_PROBLEM_declined);
	if (error == EAGAIN || error == ENOMEM) return STATUS_NO_MEMORY;
	bool only_two_values = mallctl_types[target->name.entry->type].given.kind == MALLCTL_BOOLEAN;
	if (given && !only_two_values) return STATUS_INVALID_VALUE;
	return error == EINVAL ? STATUS_MALFORMED : STATUS_UNREADABLE;
}

static int call(struct mallctl_target *target, struct mallctl_value *out, const struct mallctl_value *given) {
	const struct mallctl_type_form *type = &mallctl_types[target->name.entry->type];
	union raw old = {.pair = {0, 0}}, new;
	size_t size = type->read.size;
	if (given) encode(type->given, given, &new);
	if (out && type->read.kind == MALLCTL_BUFFER) old.string = memset(out->buffer, 0, sizeof out->buffer);
	int error = jemalloc.by_mib(target->mib, target->length, out ? &old : NULL, out ? &size : NULL,
		given ? &new : NULL, given ? type->given.size : 0);
	if (error == 0 && out) decode(type->read, &old, out);
	return error == 0 && size != type->read.size ? EINVAL : error;
}

enum status mallctl_read(struct mallctl_target *target, struct mallctl_value *out) {
	return judge(target, call(target, out, NULL), false);
}

enum status mallctl_act(struct mallctl_target *target) {
	return judge(target, call(target, NULL, NULL), false);
}

enum status mallctl_ask(struct mallctl_target *target, const struct mallctl_value *given, struct mallctl_value *out) {
	return judge(target, call(target, out, given), true);
}

static bool are_equal(struct mallctl_form form, const struct mallctl_value *one, const struct mallctl_value *other) {
	union raw a, b;
	if (form.kind == MALLCTL_STRING) return one->string && other->string && strcmp(one->string, other->string) == 0;
	encode(form, one, &a);
	encode(form, other, &b);
	return a.pair[0] == b.pair[0];
}

/* jemalloc notes some settings before it acts on them, and does not take the note back when that fails. */
static void undo(struct mallctl_target *target, const struct mallctl_value *before) {
	struct mallctl_value now = {.natural = 0};
	if (call(target, &now, NULL) != 0) return;
	if (!are_equal(mallctl_types[target->name.entry->type].given, before, &now)) call(target, NULL, before);
}

enum status mallctl_write(
	struct mallctl_target *target, const struct mallctl_value *given, const struct mallctl_value *before) {
	int error = call(target, NULL, given);
	if (error && before) undo(target, before);
	return judge(target, error, true);
}

/* As jemalloc has it: NSTIME_SEC_MAX seconds, TCACHE_MAXCLASS_LIMIT, ARENA_NAME_LEN with its NUL. */
#define LONGEST_DECAY (UINT64_C(18446744072) * 1000)
#define LARGEST_CACHED (UINT64_C(1) << 23)
enum { LONGEST_ARENA_NAME = 31, LONGEST_STRING = 4095 };

static struct mallctl_range range_of_form(struct mallctl_form form) {
	unsigned unused = (unsigned)(8 * (sizeof(uint64_t) - form.size));
	switch (form.kind) {
	case MALLCTL_STRING:
		return (struct mallctl_range){0, LONGEST_STRING};
	case MALLCTL_NATURAL:
	case MALLCTL_ADDRESS:
		return (struct mallctl_range){0, UINT64_MAX >> unused};
	case MALLCTL_INTEGER:
		return (struct mallctl_range){INT64_MIN >> unused, (uint64_t)(INT64_MAX >> unused)};
	default:
		return (struct mallctl_range){0, 0};
	}
}

static size_t last_arena(void) {
	size_t count = read_count("arenas.narenas");
	return count ? count - 1 : 0;
}

struct mallctl_range mallctl_range(const struct mallctl *entry) {
	switch (entry->fits) {
	case MALLCTL_FITS_ARENA:
		return (struct mallctl_range){0, last_arena()};
	case MALLCTL_FITS_THREADS:
		return (struct mallctl_range){1, read_count("opt.max_background_threads")};
	case MALLCTL_FITS_CACHED:
		return (struct mallctl_range){0, LARGEST_CACHED};
	case MALLCTL_FITS_DECAY:
		return (struct mallctl_range){-1, LONGEST_DECAY};
	case MALLCTL_FITS_LOGARITHM:
		return (struct mallctl_range){0, 63};
	case MALLCTL_FITS_ARENA_NAME:
		return (struct mallctl_range){0, LONGEST_ARENA_NAME};
	default:
		return range_of_form(mallctl_types[entry->type].given);
	}
}

/* The automatic arenas come to life when they are first used; others once they are created, until they are destroyed.
 */
bool mallctl_takes(const struct mallctl *entry, uint64_t value) {
	struct mallctl_value initialized = {.boolean = false};
	if (entry->fits != MALLCTL_FITS_ARENA || value < read_count("opt.narenas")) return true;
	return mallctl_refresh() == STATUS_OK && read_own("arena.0.initialized", (size_t)value, &initialized) &&
	       initialized.boolean;
}
