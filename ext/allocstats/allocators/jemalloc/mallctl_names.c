#include "mallctl_names.h"

#include <pthread.h>
#include <string.h>

const struct mallctl_type_form mallctl_types[] = {
#define MALLCTL_TYPE(id, name, kind, size, given_kind, given_size)                                                     \
	{name, {MALLCTL_##kind, size}, {MALLCTL_##given_kind, given_size}},
#include "mallctl_words.def"
};

const struct mallctl_access_uses mallctl_accesses[] = {
#define MALLCTL_ACCESS(id, direction, bare, given) {#id, direction, MALLCTL_USE_##bare, MALLCTL_USE_##given},
#include "mallctl_words.def"
};

const __typeof__(*mallctl_needs) mallctl_needs[] = {
#define MALLCTL_NEED(id, flag, sentence) {flag, sentence},
#include "mallctl_words.def"
};

const __typeof__(*mallctl_dangers) mallctl_dangers[] = {
#define MALLCTL_DANGER(id, sentence) {#id, sentence},
#include "mallctl_words.def"
};

const __typeof__(*mallctl_origins) mallctl_origins[] = {
#define MALLCTL_ORIGIN(id, sentence) {#id, sentence},
#include "mallctl_words.def"
};

const char *const mallctl_fit_remarks[] = {
#define MALLCTL_FIT(id, remark) remark,
#include "mallctl_words.def"
};

const struct mallctl mallctls[] = {
#define MALLCTL(path, type_id, access_id, origin_id, ...)                                                              \
	{.name = (path),                                                                                               \
		.type = MALLCTL_TYPE_##type_id,                                                                        \
		.access = MALLCTL_ACCESS_##access_id,                                                                  \
		.origin = MALLCTL_ORIGIN_##origin_id,                                                                  \
		__VA_ARGS__},
#include "mallctls.def"
#undef MALLCTL
};
const size_t mallctl_count = sizeof mallctls / sizeof *mallctls;

bool mallctl_next_part(const char **rest, const char *end, struct mallctl_part *out) {
	if (!*rest) return false;
	const char *dot = memchr(*rest, '.', (size_t)(end - *rest));
	*out = (struct mallctl_part){*rest, (size_t)((dot ? dot : end) - *rest)};
	*rest = dot ? dot + 1 : NULL;
	return true;
}

bool mallctl_part_is(const struct mallctl_part *part, const char *text) {
	return strlen(text) == part->length && memcmp(text, part->text, part->length) == 0;
}

bool mallctl_part_is_placeholder(const struct mallctl_part *part) {
	return mallctl_part_is(part, "<i>") || mallctl_part_is(part, "<j>");
}

/* Numbers that are too large stay too large: no index comes near SIZE_MAX - 1. */
static bool read_number(const struct mallctl_part *part, size_t *out) {
	if (part->length == 0) return false;
	*out = 0;
	for (size_t i = 0; i < part->length; i++) {
		if (part->text[i] < '0' || part->text[i] > '9') return false;
		size_t digit = (size_t)(part->text[i] - '0');
		*out = *out > (SIZE_MAX - 1 - digit) / 10 ? SIZE_MAX - 1 : *out * 10 + digit;
	}
	return true;
}

static bool read_index(const struct mallctl_part *part, const struct mallctl_part *before, size_t *out) {
	bool of_arenas = mallctl_part_is(before, "arena") || mallctl_part_is(before, "arenas");
	if (mallctl_part_is_placeholder(part))
		*out = MALLCTL_INDEX_MISSING;
	else if (of_arenas && mallctl_part_is(part, "all"))
		*out = MALLCTL_ARENAS_ALL;
	else if (of_arenas && mallctl_part_is(part, "destroyed"))
		*out = MALLCTL_ARENAS_DESTROYED;
	else
		return read_number(part, out);
	return true;
}

struct general_name {
	char text[MALLCTL_LONGEST_NAME + 1]; /* with <i> and <j> in the place of numbers */
	size_t length;
};

static bool append(struct general_name *out, const char *text, size_t length) {
	if (out->length + length > MALLCTL_LONGEST_NAME) return false;
	memcpy(out->text + out->length, text, length);
	out->length += length;
	out->text[out->length] = '\0';
	return true;
}

static bool generalise(const char *name, size_t length, struct general_name *out, struct mallctl_name *indices) {
	static const char *const placeholders[MALLCTL_INDICES] = {"<i>", "<j>"};
	struct mallctl_part part, before = {"", 0};
	const char *rest = name;
	size_t index;
	indices->indices = 0;
	for (out->length = 0; mallctl_next_part(&rest, name + length, &part); before = part) {
		if (part.text > name && !append(out, ".", 1)) return false;
		if (indices->indices < MALLCTL_INDICES && read_index(&part, &before, &index)) {
			if (!append(out, placeholders[indices->indices], 3)) return false;
			indices->index[indices->indices++] = index;
		} else if (!append(out, part.text, part.length)) {
			return false;
		}
	}
	return true;
}

enum { SLOTS = 2048 };
static uint16_t slots[SLOTS]; /* one more than the index of an entry; 0 is free */

static size_t first_slot(const char *name) {
	uint32_t hash = UINT32_C(2166136261);
	for (; *name; name++) hash = (hash ^ (unsigned char)*name) * UINT32_C(16777619);
	return hash % SLOTS;
}

static void fill_slots(void) {
	_Static_assert(sizeof mallctls / sizeof *mallctls < SLOTS / 2, "the table of names needs more slots");
	for (size_t i = 0; i < mallctl_count; i++) {
		size_t slot = first_slot(mallctls[i].name);
		while (slots[slot]) slot = (slot + 1) % SLOTS;
		slots[slot] = (uint16_t)(i + 1);
	}
}

static const struct mallctl *find_entry(const char *name) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, fill_slots);
	for (size_t slot = first_slot(name); slots[slot]; slot = (slot + 1) % SLOTS)
		if (strcmp(mallctls[slots[slot] - 1].name, name) == 0) return &mallctls[slots[slot] - 1];
	return NULL;
}

enum status mallctl_find(const char *name, size_t length, struct mallctl_name *out) {
	struct general_name general = {.length = 0};
	out->entry = NULL;
	if (memchr(name, '\0', length) || !generalise(name, length, &general, out)) return STATUS_UNKNOWN_NAME;
	out->entry = find_entry(general.text);
	return out->entry ? STATUS_OK : STATUS_UNKNOWN_NAME;
}

static unsigned least(unsigned a, unsigned b) {
	return a < b ? a : b;
}

static size_t same_beginning(const char *one, const char *other) {
	size_t same = 0;
	while (one[same] && one[same] == other[same]) same++;
	return same;
}

/* Levenshtein's distance, or `enough` for all that are not below it. */
static unsigned changes_between(
	const char *one, size_t one_length, const char *other, size_t other_length, unsigned enough) {
	unsigned row[MALLCTL_LONGEST_NAME + 1];
	if (one_length >= other_length + enough || other_length >= one_length + enough) return enough;
	for (size_t j = 0; j <= other_length; j++) row[j] = (unsigned)j;
	for (size_t i = 1; i <= one_length; i++) {
		unsigned diagonal = row[0], fewest = row[0] = (unsigned)i;
		for (size_t j = 1; j <= other_length; j++) {
			unsigned above = row[j];
			row[j] = least(diagonal + (one[i - 1] != other[j - 1]), least(above, row[j - 1]) + 1);
			fewest = least(fewest, row[j]);
			diagonal = above;
		}
		if (fewest >= enough) return enough;
	}
	return least(row[other_length], enough);
}

const struct mallctl *mallctl_nearest(const char *name, size_t length) {
	struct general_name general = {.length = 0};
	struct mallctl_name indices;
	const struct mallctl *nearest = NULL;
	if (!generalise(name, length, &general, &indices)) return NULL;
	unsigned fewest = (unsigned)general.length / 3 + 4; /* a name that takes more is another name */
	for (size_t i = 0; i < mallctl_count; i++) {
		size_t same = same_beginning(general.text, mallctls[i].name);
		const char *left = general.text + same, *entry_left = mallctls[i].name + same;
		unsigned changes = changes_between(left, strlen(left), entry_left, strlen(entry_left), fewest);
		if (changes >= fewest) continue;
		fewest = changes;
		nearest = &mallctls[i];
	}
	return nearest;
}
