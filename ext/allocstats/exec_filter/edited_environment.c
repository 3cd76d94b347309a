#include "edited_environment.h"

#include <string.h>

#define PRELOAD "LD_PRELOAD"
#define LIBRARY "ALLOCSTATS_ONLY_LIBRARY"
#define SEPARATOR '\x1f'
#define LIST_SEPARATORS ": "

static bool has_name(const char *variable, const char *name, size_t length) {
	return !strncmp(variable, name, length) && variable[length] == '=';
}

const char *environment_value(char *const environment[], const char *name) {
	size_t length = strlen(name);
	for (; *environment; environment++) {
		if (has_name(*environment, name, length)) return *environment + length + 1;
	}
	return NULL;
}

/* One of the entries of ALLOCSTATS_ONLY_WITH or _WITHOUT, where it stands. */
struct entry {
	const char *text;
	size_t length;
};

/* The first entry of a list; its text is NULL where there is none. */
static struct entry entry_at(const char *list) {
	if (!list || !*list) return (struct entry){0};
	const char *end = strchr(list, SEPARATOR);
	return (struct entry){list, end ? (size_t)(end - list) : strlen(list)};
}

static struct entry entry_after(struct entry entry) {
	const char *end = entry.text + entry.length;
	return entry_at(*end ? end + 1 : NULL);
}

static size_t count_entries(const char *list) {
	size_t count = 0;
	for (struct entry entry = entry_at(list); entry.text; entry = entry_after(entry)) count++;
	return count;
}

static bool is_in_list(const char *list, const char *variable) {
	size_t length = strlen(variable);
	for (struct entry entry = entry_at(list); entry.text; entry = entry_after(entry)) {
		if (entry.length == length && !memcmp(entry.text, variable, length)) return true;
	}
	return false;
}

static bool is_preload(const char *variable) {
	return has_name(variable, PRELOAD, strlen(PRELOAD));
}

/* Where the library begins in LD_PRELOAD; NULL where it is not in it. */
static const char *in_preload(const char *preload, const char *library) {
	size_t length = strlen(library);
	for (const char *entry = preload; *entry;) {
		size_t bytes = strcspn(entry, LIST_SEPARATORS);
		if (bytes == length && !strncmp(entry, library, length)) return entry;
		entry += bytes + strspn(entry + bytes, LIST_SEPARATORS);
	}
	return NULL;
}

/* The new environment: its entries grow from the front of the room, the texts that are new from its back. */
struct new_environment {
	char **environment, *texts;
	size_t count;
	bool full;
};

/* What is left between the two, less one pointer, for the end of the entries. */
static size_t left(const struct new_environment *out) {
	size_t between = (size_t)(out->texts - (char *)out->environment);
	size_t entries = (out->count + 1) * sizeof *out->environment;
	return between > entries ? between - entries : 0;
}

/* Room for a text and its end; NULL where there is none. */
static char *reserve(struct new_environment *out, size_t bytes) {
	out->full = out->full || left(out) < bytes;
	return out->full ? NULL : (out->texts -= bytes);
}

static void enter(struct new_environment *out, char *entry) {
	out->full = out->full || left(out) < sizeof entry;
	if (out->full) return;
	out->environment[out->count++] = entry;
	out->environment[out->count] = NULL;
}

static char *append(char *end, const char *text, size_t bytes) {
	memcpy(end, text, bytes);
	end[bytes] = '\0';
	return end + bytes;
}

/* LD_PRELOAD with the library in front, or without it. */
static char *write_preload(struct new_environment *out, const char *preload, const char *library, bool meant) {
	const char *there = *library ? in_preload(preload, library) : NULL;
	size_t length = strlen(library), rest = strlen(preload);
	char *text = reserve(out, strlen(PRELOAD) + rest + length + 3);
	if (!text) return NULL;
	char *end = append(text, PRELOAD "=", strlen(PRELOAD) + 1);
	if (meant && *library && !there) end = append(append(end, library, length), ":", 1);
	if (!meant && there) {
		end = append(end, preload, (size_t)(there - preload));
		const char *after = there + length + strspn(there + length, LIST_SEPARATORS);
		rest -= (size_t)(after - preload);
		preload = after;
	}
	append(end, preload, rest);
	return text;
}

static char *write_entry(struct new_environment *out, struct entry entry) {
	char *text = reserve(out, entry.length + 1);
	if (text) append(text, entry.text, entry.length);
	return text;
}

static bool is_ours(char *const environment[]) {
	const char *preload = environment_value(environment, PRELOAD);
	return preload && strstr(preload, EXEC_FILTER_FILE) && environment_value(environment, LIBRARY);
}

static const char *with(char *const environment[]) {
	return environment_value(environment, "ALLOCSTATS_ONLY_WITH");
}

static const char *without(char *const environment[]) {
	return environment_value(environment, "ALLOCSTATS_ONLY_WITHOUT");
}

/* Of either list the whole length: the ends of its entries are as many as its separators, and one. */
static size_t longer(const char *one, const char *other) {
	size_t length = one ? strlen(one) : 0, other_length = other ? strlen(other) : 0;
	return (length > other_length ? length : other_length) + 1;
}

size_t edited_environment_room(char *const environment[]) {
	if (!is_ours(environment)) return 0;
	size_t pointers = 2 + count_entries(with(environment)) + count_entries(without(environment));
	size_t bytes = strlen(PRELOAD) + strlen(environment_value(environment, PRELOAD)) +
		       strlen(environment_value(environment, LIBRARY)) + 3 +
		       longer(with(environment), without(environment));
	for (char *const *entry = environment; *entry; entry++) pointers++;
	return pointers + bytes / sizeof(char *) + 1;
}

static void copy_entries(struct new_environment *out, char *const environment[], const char *gone, char *preload) {
	for (char *const *entry = environment; *entry && !out->full; entry++) {
		if (is_preload(*entry))
			enter(out, preload);
		else if (!is_in_list(gone, *entry))
			enter(out, *entry);
	}
}

static bool has_name_of(const struct new_environment *out, struct entry added) {
	const char *equals = memchr(added.text, '=', added.length);
	size_t length = equals ? (size_t)(equals - added.text) : added.length;
	for (size_t i = 0; i < out->count; i++) {
		if (has_name(out->environment[i], added.text, length)) return true;
	}
	return false;
}

char *const *edited_environment(char *room[], size_t room_size, char *const environment[], bool meant) {
	struct new_environment out = {.environment = room, .texts = (char *)(room + room_size)};
	if (room_size == 0 || !is_ours(environment)) return environment;
	const char *gone = meant ? without(environment) : with(environment);
	const char *added = meant ? with(environment) : without(environment);
	char *preload = write_preload(
		&out, environment_value(environment, PRELOAD), environment_value(environment, LIBRARY), meant);
	copy_entries(&out, environment, gone, preload);
	for (struct entry entry = entry_at(added); entry.text && !out.full; entry = entry_after(entry)) {
		if (!has_name_of(&out, entry)) enter(&out, write_entry(&out, entry));
	}
	return out.full ? environment : out.environment;
}
