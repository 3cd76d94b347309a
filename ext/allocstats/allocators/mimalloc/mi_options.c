#include "mi_options.h"
#include "allocator.h"
#include "ownership.h"
#include "text.h"
#include "version.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GiB_IN_KiB = 1 << 20, TiB_IN_KiB = 1 << 30 };

const struct mi_option_description mi_option_descriptions[] = {
#define MI_OPTION(name, unit, least, most, kind, definition, ...)                                                      \
	{#name, #unit, #kind, definition, least, most, {__VA_ARGS__}},
#include "mi_options.def"
#undef MI_OPTION
};
const size_t mi_option_description_count = sizeof mi_option_descriptions / sizeof *mi_option_descriptions;

static struct {
	int (*version)(void);
	long (*get)(int number);
	void (*set)(int number, long value);
	void (*print_out)(void (*out)(const char *text, void *data), void *data);
	struct mi_option_numbering numbering;
	bool known;
} mimalloc;

static bool enter_name(struct mi_option_numbering *numbering, size_t number, const char *name, size_t length) {
	if (number >= MI_OPTION_MOST_NUMBERS || length > MI_OPTION_LONGEST_NAME) return false;
	memcpy(numbering->names[number], name, length);
	numbering->names[number][length] = '\0';
	if (number >= numbering->count) numbering->count = number + 1;
	return true;
}

/* 1.8 and 1.9 are 2.1 and 2.2 with another memory layer below. */
static int numbered_as(int version) {
	return version >= 10802 && version < 20000 ? version + 10000 - 700 : version;
}

bool mi_option_numbering_of_version(struct mi_option_numbering *out, int version) {
	*out = (struct mi_option_numbering){.version = version};
	for (size_t i = 0; i < mi_option_description_count; i++) {
		const struct mi_option_description *option = &mi_option_descriptions[i];
		for (size_t j = 0; j < MI_OPTION_MOST_SPANS && option->spans[j].first; j++) {
			const struct mi_option_span *span = &option->spans[j];
			if (numbered_as(version) < span->first || numbered_as(version) > span->last) continue;
			enter_name(out, (size_t)span->number, option->name, strlen(option->name));
		}
	}
	return out->count > 0;
}

bool mi_option_numbering_of_print(struct mi_option_numbering *out, const char *printed, long (*get)(int number)) {
	static const char prefix[] = "option '", middle[] = "': ";
	*out = (struct mi_option_numbering){.printed = true};
	size_t number = 0;
	for (const char *at = printed; (at = strstr(at, prefix)); number++) {
		const char *name = at + sizeof prefix - 1, *end = strstr(name, middle);
		if (!end || !enter_name(out, number, name, (size_t)(end - name))) return false;
		at = end + sizeof middle - 1;
		if (strtol(at, NULL, 10) != get((int)number)) return false;
	}
	return number > 0;
}

static void append_to_text(const char *string, void *text) {
	text_append_string(text, string);
}

static bool numbering_printed(void) {
	struct text printed = {0};
	if (!mimalloc.print_out) return false;
	mimalloc.print_out(append_to_text, &printed);
	bool told = printed.status == STATUS_OK && printed.length &&
		    mi_option_numbering_of_print(&mimalloc.numbering, printed.bytes, mimalloc.get);
	text_free(&printed);
	return told;
}

static void learn_numbering(void) {
	const struct loaded_object *owner = allocator_owner();
	if (!owner || allocator_current() != &allocator_mimalloc) return;
	BIND(mimalloc.version, owner, "mi_version");
	BIND(mimalloc.get, owner, "mi_option_get");
	BIND(mimalloc.set, owner, "mi_option_set");
	BIND(mimalloc.print_out, owner, "mi_options_print_out");
	if (!mimalloc.version || !mimalloc.get || !mimalloc.set) return;
	int version = mimalloc_plain_version(mimalloc.version());
	mimalloc.known = numbering_printed() || mi_option_numbering_of_version(&mimalloc.numbering, version);
	mimalloc.numbering.version = version;
}

const struct mi_option_numbering *mi_option_numbering(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, learn_numbering);
	return mimalloc.known ? &mimalloc.numbering : NULL;
}

static enum status find(int number) {
	const struct mi_option_numbering *numbering = mi_option_numbering();
	if (!numbering) return STATUS_UNSUPPORTED;
	return number >= 0 && (size_t)number < numbering->count && *numbering->names[number] ? STATUS_OK
											     : STATUS_UNKNOWN_NAME;
}

enum status mi_option_read(int number, long *value) {
	enum status status = find(number);
	if (status == STATUS_OK) *value = mimalloc.get(number);
	return status;
}

enum status mi_option_write(int number, long value, long *before) {
	enum status status = find(number);
	if (status != STATUS_OK) return status;
	*before = mimalloc.get(number);
	mimalloc.set(number, value);
	if (mimalloc.get(number) == value) return STATUS_OK;
	mimalloc.set(number, *before);
	return STATUS_INVALID_VALUE;
}
