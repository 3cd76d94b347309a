/*
 * glibc's malloc. Nothing it offers is cheap: mallinfo2(3) and malloc_info(3) walk every arena's free chunks under that
 * arena's lock, so a sample has no figure of its own and the stats dump is asked for by name. malloc_trim(3) returns
 * the free pages of all arenas; what waits in the threads' caches stays there, since glibc has no way to have it
 * flushed.
 */
#define _GNU_SOURCE
#include "allocator.h"
#include "heaps.h"
#include "ownership.h"

#include <stdio.h>
#include <string.h>

static struct {
	const char *(*version)(void);
	int (*malloc_info)(int options, FILE *stream);
	int (*malloc_trim)(size_t pad);
} glibc;

static bool bind(const struct loaded_object *owner) {
	if (!owner->libc) return false;
	BIND(glibc.version, owner, "gnu_get_libc_version");
	BIND(glibc.malloc_info, owner, "malloc_info");
	BIND(glibc.malloc_trim, owner, "malloc_trim");
	return glibc.version != NULL;
}

static bool version(char *out, size_t size) {
	snprintf(out, size, "%s", glibc.version());
	return true;
}

static ssize_t append_to_text(void *cookie, const char *bytes, size_t length) {
	text_append(cookie, bytes, length);
	return (ssize_t)length;
}

/* The stream itself, some hundred bytes, comes from the measured malloc: glibc offers no other way to be read. */
static enum status stats_dump(struct text *out) {
	if (!glibc.malloc_info) return STATUS_UNSUPPORTED;
	FILE *stream = fopencookie(out, "w", (cookie_io_functions_t){.write = append_to_text});
	if (!stream) return STATUS_NO_MEMORY;
	char buffer[4096];
	setvbuf(stream, buffer, _IOFBF, sizeof buffer);
	int failed = glibc.malloc_info(0, stream);
	if (fclose(stream) != 0 || failed) return STATUS_UNREADABLE;
	return out->status;
}

static const char *stats_dump_format(void) {
	return "malloc_info";
}

static enum status purge(void) {
	if (!glibc.malloc_trim) return STATUS_UNSUPPORTED;
	glibc.malloc_trim(0); /* whether it released anything, the resident set tells better than its answer */
	return STATUS_OK;
}

const struct allocator allocator_glibc = {
	.name = "glibc",
	.mark = "gnu_get_libc_version",
	.bind = bind,
	.version = version,
	.stats_dump = stats_dump,
	.stats_dump_format = stats_dump_format,
	.find_heaps = glibc_own_ranges,
	.takes_brk = true,
	.purge = purge,
	.purge_words = "malloc_trim(0)",
};
