/*
 * mimalloc's options by number, and which number each name has in the running version. From 3.2.6 on the library prints
 * its options in the order of their numbers (mi_options_print_out), which also holds for versions to come; before that
 * the number follows from the version, for the releases that mi_options.def knows. No function here calls malloc.
 */
#ifndef ALLOCSTATS_MI_OPTIONS_H
#define ALLOCSTATS_MI_OPTIONS_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

enum { MI_OPTION_MOST_SPANS = 3, MI_OPTION_MOST_NUMBERS = 128, MI_OPTION_LONGEST_NAME = 47 };

/* The number that a name has in the releases from first to last, as 20009 for 2.0.9; first is 0 where there is none. */
struct mi_option_span {
	int number, first, last;
};

struct mi_option_description {
	const char *name, *unit, *kind, *definition;
	long least, most;
	struct mi_option_span spans[MI_OPTION_MOST_SPANS];
};
extern const struct mi_option_description mi_option_descriptions[];
extern const size_t mi_option_description_count;

/* names[number] is an option's name, "" where the number has none that is known. */
struct mi_option_numbering {
	bool printed; /* by the running library itself */
	int version;  /* 20009 is 2.0.9 */
	size_t count;
	char names[MI_OPTION_MOST_NUMBERS][MI_OPTION_LONGEST_NAME + 1];
};

/* Of a release in the list; false where it is none. */
bool mi_option_numbering_of_version(struct mi_option_numbering *out, int version);

/*
 * From what mi_options_print_out printed. False unless every option has, at the number that its line stands for, the
 * value that its line shows: that is what proves the numbering.
 */
bool mi_option_numbering_of_print(struct mi_option_numbering *out, const char *printed, long (*get)(int number));

/* Of the running version, found out once; NULL where it is not to be known or malloc is not mimalloc's. */
const struct mi_option_numbering *mi_option_numbering(void);

/* STATUS_UNSUPPORTED where no numbering is known, STATUS_UNKNOWN_NAME for a number that is not in it. */
enum status mi_option_read(int number, long *value);

/*
 * Sets and reads back; `before` gets the value until then. STATUS_INVALID_VALUE if the option does not show the new
 * value afterwards, in which case it has its old one again.
 */
enum status mi_option_write(int number, long value, long *before);

#endif
