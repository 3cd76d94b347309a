/* mallinfo2(3) and malloc_trim(3) of glibc. Both walk all arenas under their locks. */
#ifndef ALLOCSTATS_GLIBC_MALLOC_H
#define ALLOCSTATS_GLIBC_MALLOC_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>

/* Laid out as struct mallinfo2, which only glibc's malloc.h has. */
struct glibc_mallinfo {
#define MALLINFO_FIGURE(name) size_t name;
#include "mallinfo_figures.def"
#undef MALLINFO_FIGURE
};

/*
 * STATUS_UNSUPPORTED where malloc is not glibc's, or older than 2.33: mallinfo(3), which it has instead, counts in ints
 * that wrap around at 2 GiB. Some tenths of a millisecond per megabyte of heap.
 */
enum status glibc_mallinfo_read(struct glibc_mallinfo *out);

/*
 * Gives the free pages of all arenas back, but for `pad` bytes at the end of the main heap; `released` gets whether
 * there were any. STATUS_UNSUPPORTED where malloc is not glibc's.
 */
enum status glibc_trim(size_t pad, bool *released);

#endif
