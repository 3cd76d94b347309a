/*
 * Reads a small text file of the kernel's line by line, through a buffer of its own: no stdio, no malloc. Made for
 * files that may be odd: a line that does not fit the buffer is cut, a NUL ends a line early, anything but a regular
 * file is refused, and nothing waits.
 */
#ifndef ALLOCSTATS_LINE_READER_H
#define ALLOCSTATS_LINE_READER_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the reading of one file went. */
struct reading {
	enum status status;
	int error; /* errno where the status is STATUS_UNREADABLE, otherwise 0 */
	uint64_t
		line; /* where the status is STATUS_MALFORMED: the line that was not understood; 0: the file is empty */
};

enum { LINE_READER_LONGEST = 8192 }; /* a path of 4096 bytes, octal escapes and the numbers before it fit mostly */

/* The folder of the calling process; another process's is "/proc/" and its number. */
#define PROC_SELF "/proc/self"

struct line_reader {
	struct reading reading;
	int descriptor;
	bool skipping;     /* the rest of a line that was cut is still to come */
	size_t begin, end; /* what was read and not yet given out */
	char buffer[LINE_READER_LONGEST + 1];
};

/*
 * Opens root + folder + "/" + file; root is "" for the real file, or the folder of a made tree. False when that cannot
 * be.
 */
bool line_reader_open(struct line_reader *reader, const char *root, const char *folder, const char *file);

/* The next line without its newline, valid until the next call; NULL at the end, or when reading fails. */
char *line_reader_next(struct line_reader *reader);

/* Remembers that the last line was not understood, unless something failed before. */
void line_reader_malformed(struct line_reader *reader);

/* Closes the file and says how it went; a file without a single line is malformed. */
struct reading line_reader_close(struct line_reader *reader);

/* Each reads a number at *cursor and moves past it; false, and *cursor as it was, without digits or past 64 bits. */
bool parse_decimal(const char **cursor, uint64_t *out);
bool parse_hexadecimal(const char **cursor, uint64_t *out);

/* "   12 kB" as 12288; false for anything else and for what does not fit. */
bool parse_kilobytes(const char *text, uint64_t *bytes);

/* What follows `prefix` in text, or NULL where it does not begin so. */
const char *text_after(const char *text, const char *prefix);

#endif
