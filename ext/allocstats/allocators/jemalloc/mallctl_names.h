/*
 * The names of jemalloc's mallctl namespace with their types (jemalloc(3), "MALLCTL NAMESPACE"): the table of
 * mallctls.def, and how a name that a person wrote is found in it. Nothing here speaks to jemalloc.
 *
 * Where the manual writes <i> or <j>, a name holds a number: "arena.0.purge". "all" stands for all arenas together and
 * "destroyed" for those that were destroyed, which jemalloc numbers 4096 and 4097.
 */
#ifndef ALLOCSTATS_MALLCTL_NAMES_H
#define ALLOCSTATS_MALLCTL_NAMES_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How a value looks in memory. */
enum mallctl_kind {
	MALLCTL_NOTHING,
	MALLCTL_BOOLEAN,
	MALLCTL_NATURAL,   /* an unsigned integer */
	MALLCTL_INTEGER,   /* a signed one */
	MALLCTL_STRING,    /* a pointer to text that ends in a NUL */
	MALLCTL_BUFFER,    /* the same, written into memory of the caller's */
	MALLCTL_ADDRESS,   /* a pointer that is no text */
	MALLCTL_PAIR,      /* two uint64_t: bytes asked for, blocks */
	MALLCTL_STRUCTURE, /* of C, with no form here: such a name cannot be called */
};

struct mallctl_form {
	enum mallctl_kind kind;
	size_t size;
};

enum mallctl_type {
#define MALLCTL_TYPE(id, ...) MALLCTL_TYPE_##id,
#include "mallctl_words.def"
	MALLCTL_TYPE_COUNT
};
struct mallctl_type_form {
	const char *name;
	struct mallctl_form read, given;
};
extern const struct mallctl_type_form mallctl_types[MALLCTL_TYPE_COUNT];

/* What a call does. */
enum mallctl_use {
	MALLCTL_USE_NOTHING, /* there is no such call */
	MALLCTL_USE_READ,
	MALLCTL_USE_SET,   /* reads what was before, and writes */
	MALLCTL_USE_WRITE, /* writes what cannot be read */
	MALLCTL_USE_ACT,   /* does what its name says, without a value */
	MALLCTL_USE_MAKE,  /* makes something new, and answers its number */
	MALLCTL_USE_ASK,   /* answers to the value that is given */
};

enum mallctl_access {
#define MALLCTL_ACCESS(id, ...) MALLCTL_ACCESS_##id,
#include "mallctl_words.def"
	MALLCTL_ACCESS_COUNT
};
struct mallctl_access_uses {
	const char *name;      /* "READ_WRITE" */
	const char *direction; /* as the manual has it: "rw" */
	enum mallctl_use bare, given;
};
extern const struct mallctl_access_uses mallctl_accesses[MALLCTL_ACCESS_COUNT];

enum mallctl_need {
#define MALLCTL_NEED(id, ...) MALLCTL_NEEDS_##id,
#include "mallctl_words.def"
	MALLCTL_NEED_COUNT
};
struct mallctl_need_words {
	const char *flag, *sentence;
};
extern const struct mallctl_need_words mallctl_needs[MALLCTL_NEED_COUNT];

enum mallctl_danger {
#define MALLCTL_DANGER(id, ...) MALLCTL_DANGER_##id,
#include "mallctl_words.def"
	MALLCTL_DANGER_COUNT
};
struct mallctl_danger_words {
	const char *name, *sentence;
};
extern const struct mallctl_danger_words mallctl_dangers[MALLCTL_DANGER_COUNT];

enum mallctl_origin {
#define MALLCTL_ORIGIN(id, ...) MALLCTL_ORIGIN_##id,
#include "mallctl_words.def"
	MALLCTL_ORIGIN_COUNT
};
struct mallctl_origin_words {
	const char *name, *sentence;
};
extern const struct mallctl_origin_words mallctl_origins[MALLCTL_ORIGIN_COUNT];

enum mallctl_fit {
#define MALLCTL_FIT(id, ...) MALLCTL_FITS_##id,
#include "mallctl_words.def"
	MALLCTL_FIT_COUNT
};
extern const char *const mallctl_fit_remarks[MALLCTL_FIT_COUNT];

enum { MALLCTL_ARENAS_ALL = 4096, MALLCTL_ARENAS_DESTROYED = 4097 };

struct mallctl {
	const char *name; /* "arena.<i>.purge" */
	enum mallctl_type type;
	enum mallctl_access access;
	enum mallctl_origin origin;
	enum mallctl_need needs;
	enum mallctl_danger danger; /* of a MAKE_FROM only with a value, of what HANGS only when it is written */
	enum mallctl_fit fits;
	bool snapshot; /* it reads what the last refresh of the epoch left */
	enum { MALLCTL_SUM_NONE, MALLCTL_SUM_ALL, MALLCTL_SUM_ALL_AND_DESTROYED } sums; /* what may stand for <i> */
};

extern const struct mallctl mallctls[];
extern const size_t mallctl_count;

enum { MALLCTL_LONGEST_NAME = 127, MALLCTL_INDICES = 2 };
#define MALLCTL_INDEX_MISSING SIZE_MAX

struct mallctl_name {
	const struct mallctl *entry;
	unsigned indices;              /* how many placeholders it has */
	size_t index[MALLCTL_INDICES]; /* MALLCTL_INDEX_MISSING where "<i>" was written itself; too large ones are cut
					*/
};

/* STATUS_UNKNOWN_NAME when the table has no such name. */
enum status mallctl_find(const char *name, size_t length, struct mallctl_name *out);

/* The entry whose name takes the fewest changes to become this one; NULL where none comes near. */
const struct mallctl *mallctl_nearest(const char *name, size_t length);

/* One part of a name, between dots. */
struct mallctl_part {
	const char *text;
	size_t length;
};

/* Takes the next part off *rest; false when there is none. */
bool mallctl_next_part(const char **rest, const char *end, struct mallctl_part *out);
bool mallctl_part_is(const struct mallctl_part *part, const char *text);

/* Whether it is "<i>" or "<j>". */
bool mallctl_part_is_placeholder(const struct mallctl_part *part);

#endif
