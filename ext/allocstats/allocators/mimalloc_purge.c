#include "mimalloc_purge.h"
#include "../ownership.h"

#include <stddef.h>

enum { MOST_OPTIONS = 4 };

/*
 * mi_option_t is renumbered from version to version, so a setting holds for a range of them (20009 is 2.0.9). Versions
 * outside all ranges are collected with the options they have.
 */
static const struct setting {
	int from, to;
	struct {
		int option;
		long value;
	} options[MOST_OPTIONS];
	size_t count;
} settings[] = {
	/* decommit_delay, allow_decommit, segment_decommit_delay, decommit_extend_delay */
	{20000, 20101, {{15, 0}, {22, 1}, {23, 0}, {24, 0}}, 4},
	/* purge_delay: what is freed from here on is purged at once */
	{20102, 29999, {{15, 0}}, 1},
	/* minimal_purge_size, later named arena_purge_min_size, in KiB */
	{30106, 30699, {{44, 64}}, 1},
};

static struct {
	void (*set)(int option, long value);
	long (*get)(int option);
	const struct setting *setting;
	long before[MOST_OPTIONS];
} purge;

void mimalloc_purge_bind(const struct loaded_object *owner, int version) {
	BIND(purge.set, owner, "mi_option_set");
	BIND(purge.get, owner, "mi_option_get");
	if (!purge.set || !purge.get) return;
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (version >= settings[i].from && version <= settings[i].to) purge.setting = &settings[i];
}

void mimalloc_purge_begin(void) {
	for (size_t i = 0; purge.setting && i < purge.setting->count; i++) {
		purge.before[i] = purge.get(purge.setting->options[i].option);
		purge.set(purge.setting->options[i].option, purge.setting->options[i].value);
	}
}

void mimalloc_purge_end(void) {
	for (size_t i = 0; purge.setting && i < purge.setting->count; i++)
		purge.set(purge.setting->options[i].option, purge.before[i]);
}
