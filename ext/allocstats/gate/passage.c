#include "passage.h"

#include <string.h>

#define PRELOAD "LD_PRELOAD"
#define SEPARATOR '\x1f'
#define LIST_SEPARATORS ": "

const char *environment_value(char *const environment[], const char *name) {
	size_t length = strlen(name);
	for (; *environment; environment++) {
		if (!strncmp(*environment, name, length) && (*environment)[length] == '=')
			return *environment + length + 1;
	}
	return NULL;
}

static bool same_name(const char *one, const char *other) {
	size_t length = strcspn(one, "=");
	return !strncmp(one, other, length) && other[length] == '=';
}

static bool same_text(const char *one, const char *other) {
	return !strcmp(one, other);
}

static bool among(char *const entries[], const char *entry, bool (*same)(const char *, const char *)) {
	for (; *entries; entries++) {
		if (same(*entries, entry)) return true;
	}
	return false;
}

/* Cuts a copy of the text at its separators; false where it does not fit. */
static bool cut(const char *text, char copy[MOST_BYTES], char *entries[MOST_ADDED + 1]) {
	size_t length = text ? strlen(text) : 0, count = 0;
	entries[0] = NULL;
	if (length == 0) return true;
	if (length >= MOST_BYTES) return false;
	memcpy(copy, text, length + 1);
	for (char *entry = copy; entry; count++) {
		if (count == MOST_ADDED) return false;
		char *end = strchr(entry, SEPARATOR);
		if (end) *end++ = '\0';
		entries[count] = entry;
		entries[count + 1] = NULL;
		entry = end;
	}
	return true;
}

/* Where the library begins in the list; NULL where it is not in it. */
static const char *in_list(const char *list, const char *library) {
	size_t length = strlen(library);
	for (const char *entry = list; *entry;) {
		size_t bytes = strcspn(entry, LIST_SEPARATORS);
		if (bytes == length && !strncmp(entry, library, length)) return entry;
		entry += bytes + strspn(entry + bytes, LIST_SEPARATORS);
	}
	return NULL;
}

static char *append(char *end, const char *text, size_t bytes) {
	memcpy(end, text, bytes);
	end[bytes] = '\0';
	return end + bytes;
}

/* Writes LD_PRELOAD with the library in front, or without it; false where it does not fit. */
static bool write_preload(char space[MOST_BYTES], const char *list, const char *library, bool meant) {
	const char *there = *library ? in_list(list, library) : NULL;
	size_t length = strlen(library);
	if (strlen(PRELOAD) + strlen(list) + length + 3 > MOST_BYTES) return false;
	char *end = append(space, PRELOAD "=", strlen(PRELOAD) + 1);
	if (meant && *library && !there) end = append(append(end, library, length), ":", 1);
	if (!meant && there) {
		end = append(end, list, (size_t)(there - list));
		list = there + length + strspn(there + length, LIST_SEPARATORS);
	}
	append(end, list, strlen(list));
	return true;
}

/* Takes everything that the environment says of itself; false where it says nothing or too much. */
static bool prepare(struct passage *passage, char *const environment[], bool meant) {
	const char *preload = environment_value(environment, PRELOAD);
	const char *library = environment_value(environment, "ALLOCSTATS_ONLY_LIBRARY");
	if (!preload || !library || !strstr(preload, GATE_FILE)) return false;
	return cut(environment_value(environment, "ALLOCSTATS_ONLY_WITH"), passage->with_text, passage->with) &&
	       cut(environment_value(environment, "ALLOCSTATS_ONLY_WITHOUT"), passage->without_text,
		       passage->without) &&
	       write_preload(passage->preload, preload, library, meant);
}

char *const *passage_edit(struct passage *passage, char *const environment[], bool meant) {
	if (!prepare(passage, environment, meant)) return environment;
	char *const *gone = meant ? passage->without : passage->with;
	char *const *added = meant ? passage->with : passage->without;
	size_t count = 0;
	for (char *const *entry = environment; *entry; entry++) {
		if (count == MOST_VARIABLES) return environment;
		if (same_name(PRELOAD "=", *entry))
			passage->environment[count++] = passage->preload;
		else if (!among(gone, *entry, same_text))
			passage->environment[count++] = *entry;
	}
	passage->environment[count] = NULL;
	for (; *added; added++) {
		if (among(passage->environment, *added, same_name)) continue;
		passage->environment[count++] = *added;
		passage->environment[count] = NULL;
	}
	return passage->environment;
}
