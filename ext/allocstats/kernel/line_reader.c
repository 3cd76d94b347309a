#define _GNU_SOURCE
#include "line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct line_reader *reader, int error) {
	reader->reading = (struct reading){.status = STATUS_UNREADABLE, .error = error};
	return false;
}

/* 0 for a file that can be read to its end, otherwise the errno that says what it is instead. */
static int error_of_type(int descriptor) {
	struct stat found;
	if (fstat(descriptor, &found) != 0) return errno;
	if (S_ISDIR(found.st_mode)) return EISDIR;
	return S_ISREG(found.st_mode) ? 0 : EINVAL;
}

/* Appends to a path of `length` bytes; false where that would not fit. */
static bool append(char path[PATH_MAX], size_t *length, const char *part) {
	size_t more = strlen(part);
	if (more >= PATH_MAX - *length) return false;
	memcpy(path + *length, part, more + 1);
	*length += more;
	return true;
}

bool line_reader_open(struct line_reader *reader, const char *root, const char *folder, const char *file) {
	char path[PATH_MAX];
	size_t length = 0;

	reader->reading = (struct reading){.status = STATUS_OK};
	reader->descriptor = -1;
	reader->skipping = false;
	reader->begin = reader->end = 0;
	if (!append(path, &length, root) || !append(path, &length, folder) || !append(path, &length, "/") ||
		!append(path, &length, file))
		return refuse(reader, ENAMETOOLONG);

	/* O_NONBLOCK: in a tree that somebody made, the file may be a pipe that nobody writes to. */
	reader->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (reader->descriptor < 0) return refuse(reader, errno);
	int error = error_of_type(reader->descriptor);
	if (error == 0) return true;
	close(reader->descriptor);
	reader->descriptor = -1;
	return refuse(reader, error);
}

/* Reads more behind what is there; false at the end of the file. */
static bool fill(struct line_reader *reader) {
	if (reader->begin > 0) {
		memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
		reader->end -= reader->begin;
		reader->begin = 0;
	}
	ssize_t count;
	do {
		count = read(reader->descriptor, reader->buffer + reader->end, LINE_READER_LONGEST - reader->end);
	} while (count < 0 && errno == EINTR);
	if (count < 0) refuse(reader, errno);
	if (count <= 0) return false;
	reader->end += (size_t)count;
	return true;
}

/* Gives out the bytes up to `stop`, which becomes the line's end; what is `consumed` does not come again. */
static char *give_out(struct line_reader *reader, size_t stop, size_t consumed) {
	char *line = reader->buffer + reader->begin;
	reader->buffer[stop] = '\0';
	reader->begin = consumed;
	return line;
}

char *line_reader_next(struct line_reader *reader) {
	if (reader->descriptor < 0) return NULL;
	for (;;) {
		char *from = reader->buffer + reader->begin;
		char *newline = memchr(from, '\n', reader->end - reader->begin);
		size_t stop = newline ? (size_t)(newline - reader->buffer) : reader->end;
		bool full = stop - reader->begin == LINE_READER_LONGEST;

		if (newline && reader->skipping) {
			reader->skipping = false;
			reader->begin = stop + 1;
		} else if (reader->skipping) {
			reader->begin = reader->end;
			if (!fill(reader)) return NULL;
		} else if (newline || full) {
			reader->reading.line++;
			reader->skipping = full;
			return give_out(reader, stop, newline ? stop + 1 : stop);
		} else if (!fill(reader)) {
			if (reader->begin == reader->end || reader->reading.status != STATUS_OK) return NULL;
			reader->reading.line++;
			return give_out(reader, reader->end, reader->end);
		}
	}
}

void line_reader_malformed(struct line_reader *reader) {
	if (reader->reading.status == STATUS_OK) reader->reading.status = STATUS_MALFORMED;
	if (reader->descriptor >= 0) close(reader->descriptor);
	reader->descriptor = -1; /* so that what follows is not read, and the line's number stays */
}

struct reading line_reader_close(struct line_reader *reader) {
	struct reading reading = reader->reading;
	if (reader->descriptor >= 0) close(reader->descriptor);
	reader->descriptor = -1;
	if (reading.status == STATUS_OK && reading.line == 0) reading.status = STATUS_MALFORMED;
	if (reading.status != STATUS_MALFORMED) reading.line = 0;
	return reading;
}

/* The value of a digit in either base, or 16 for no digit. */
static unsigned digit_value(char digit) {
	if (digit >= '0' && digit <= '9') return (unsigned)(digit - '0');
	if (digit >= 'a' && digit <= 'f') return (unsigned)(digit - 'a') + 10;
	return 16;
}

static bool parse_number(const char **cursor, unsigned base, uint64_t *out) {
	const char *text = *cursor;
	uint64_t number = 0;
	for (; digit_value(*text) < base; text++) {
		if (__builtin_mul_overflow(number, base, &number) ||
			__builtin_add_overflow(number, digit_value(*text), &number))
			return false;
	}
	if (text == *cursor) return false;
	*cursor = text;
	*out = number;
	return true;
}

bool parse_decimal(const char **cursor, uint64_t *out) {
	return parse_number(cursor, 10, out);
}

bool parse_hexadecimal(const char **cursor, uint64_t *out) {
	return parse_number(cursor, 16, out);
}

bool parse_kilobytes(const char *text, uint64_t *bytes) {
	uint64_t kilobytes;
	text += strspn(text, " \t");
	if (!parse_decimal(&text, &kilobytes) || strcmp(text, " kB") != 0) return false;
	return !__builtin_mul_overflow(kilobytes, 1024, bytes);
}

const char *text_after(const char *text, const char *prefix) {
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}
