#include "purge_options.h"
#include "mi_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What brings free pages to return, by name and by the releases in which it does (20009 is 2.0.9). */
static const struct setting {
	const char *name;
	long value;
	int first, last;
} settings[] = {
	{"allow_decommit", 1, 20000, 20101},
	{"decommit_delay", 0, 20000, 20101},
	{"segment_decommit_delay", 0, 20000, 20101},
	{"decommit_extend_delay", 0, 20000, 20101},
	/* what is freed from here on is purged at once; 3.x schedules nothing at all then, and is better off without */
	{"purge_delay", 0, 20102, 29999},
	/* in KiB, the smallest that it takes; the same option by its older and its newer name */
	{"minimal_purge_size", 64, 30106, 39999},
	{"arena_purge_min_size", 64, 30106, 39999},
};

enum { SETTING_COUNT = sizeof settings / sizeof *settings, NO_SUCH_OPTION = -1 };

static int numbers[SETTING_COUNT]; /* of each setting in the running version, or NO_SUCH_OPTION */
static long before[SETTING_COUNT];
static bool changed[SETTING_COUNT];

static int number_of(const struct setting *setting, const struct mi_option_numbering *numbering) {
	if (!numbering || numbering->version < setting->first || numbering->version > setting->last)
		return NO_SUCH_OPTION;
	for (size_t number = 0; number < numbering->count; number++)
		if (strcmp(numbering->names[number], setting->name) == 0) return (int)number;
	return NO_SUCH_OPTION;
}

/* At the first purge and not when the allocator is bound: the numbering asks for the bound allocator itself. */
static void find_numbers(void) {
	static bool found;
	if (found) return;
	for (size_t i = 0; i < SETTING_COUNT; i++) numbers[i] = number_of(&settings[i], mi_option_numbering());
	found = true;
}

void mimalloc_purge_begin(void) {
	find_numbers();
	for (size_t i = 0; i < SETTING_COUNT; i++)
		changed[i] = numbers[i] != NO_SUCH_OPTION &&
			     mi_option_write(numbers[i], settings[i].value, &before[i]) == STATUS_OK;
}

void mimalloc_purge_end(void) {
	long value;
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (changed[i]) mi_option_write(numbers[i], before[i], &value);
}
