#include "text.h"
#include "private_heap.h"

#include <string.h>

enum { SMALLEST_CAPACITY = 16 * 1024 };

int text_reserve(struct text *text, size_t length) {
	if (length < text->capacity) return 1;
	size_t capacity = text->capacity ? text->capacity : SMALLEST_CAPACITY;
	while (capacity <= length) capacity *= 2;
	char *bytes = private_resize(PRIVATE_census, text->bytes, capacity);
	if (!bytes) {
		text->status = STATUS_NO_MEMORY;
		return 0;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return 1;
}

void text_append(struct text *text, const char *bytes, size_t length) {
	if (text->status != STATUS_OK || !text_reserve(text, text->length + length)) return;
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

void text_append_string(struct text *text, const char *string) {
	text_append(text, string, strlen(string));
}

void text_free(struct text *text) {
	private_free(PRIVATE_census, text->bytes);
	*text = (struct text){0};
}
