/*
 * mimalloc as one translation unit, compiled on its own by extconf.rb (and so outside the glob of the extension's own
 * sources). Everything that would let it be noticed by the host process is settled here, before its sources are read:
 *
 * - it reads no environment: the user's MIMALLOC_* variables speak of the user's mimalloc;
 * - it does not switch transparent huge pages off for the whole process, as some versions do while they start;
 * - its own memory takes no huge pages, so that a block of a few bytes never makes two megabytes resident;
 * - its address space grows in steps of megabytes, not of a gigabyte, for processes that run under a limit;
 * - its mappings carry the extension's name where the kernel keeps names.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define MI_NO_GETENV 1
#define MI_DEFAULT_ARENA_RESERVE (16L * 1024L) /* KiB */
#define MI_DEFAULT_ALLOW_LARGE_OS_PAGES 0
#define MI_SKIP_COLLECT_ON_EXIT 1
#undef PR_GET_THP_DISABLE

/* A segment is the least that each thread maps: 32 MiB unless told otherwise. 128 slices of it is what 32-bit has. */
#define ALLOCSTATS_SEGMENT_SHIFT (7 + MI_SEGMENT_SLICE_SHIFT)
#include "mimalloc.h"
#if MI_MALLOC_VERSION < 210
#include "mimalloc-types.h"
#undef MI_SEGMENT_SHIFT
#endif
#define MI_SEGMENT_SHIFT ALLOCSTATS_SEGMENT_SHIFT

static void *map_quietly(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
	void *mapped = mmap(address, bytes, protection, flags, fd, offset);
	int error = errno;
	if (mapped == MAP_FAILED) return mapped;
#ifdef MADV_NOHUGEPAGE
	(void)madvise(mapped, bytes, MADV_NOHUGEPAGE);
#endif
#ifdef PR_SET_VMA
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mapped, bytes, "allocstats");
#endif
	errno = error;
	return mapped;
}
#undef PR_SET_VMA
#define mmap map_quietly

#include "static.c"
