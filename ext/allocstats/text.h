/* A text that grows in the private heap: what an allocator's own report is written into. */
#ifndef ALLOCSTATS_TEXT_H
#define ALLOCSTATS_TEXT_H

#include "status.h"

#include <stddef.h>

struct text {
	char *bytes; /* ends in a NUL once something was appended */
	size_t length, capacity;
	enum status status; /* STATUS_NO_MEMORY once something did not fit; what came after it is missing */
};

void text_append(struct text *text, const char *bytes, size_t length);
void text_append_string(struct text *text, const char *string);

/* Makes room for `length` bytes in all, for a writer that wants the buffer itself; false when there is no memory. */
int text_reserve(struct text *text, size_t length);

void text_free(struct text *text);

#endif
