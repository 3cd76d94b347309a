/*
 * mimalloc as one translation unit, compiled on its own by extconf.rb (and so outside the glob of the extension's own
 * sources), with the settings of a guest:
 *
 * - it reads no environment: the user's MIMALLOC_* variables speak of the user's mimalloc;
 * - its address space grows in steps of megabytes, not of a gigabyte, for processes that run under a limit;
 * - and what quiet_mapping.h says.
 */
#ifndef _GNU_SOURCE
#	define _GNU_SOURCE
#endif
#include "quiet_mapping.h"

#define MI_NO_GETENV 1
#define MI_DEFAULT_ARENA_RESERVE (16L * 1024L) /* KiB */
#define MI_DEFAULT_ALLOW_LARGE_OS_PAGES 0
#define MI_SKIP_COLLECT_ON_EXIT 1

/* A segment is the least that each thread maps: 32 MiB unless told otherwise. 128 slices of it is what 32-bit has. */
#define ALLOCSTATS_SEGMENT_SHIFT (7 + MI_SEGMENT_SLICE_SHIFT)
#include "mimalloc.h"
#if MI_MALLOC_VERSION < 210
#	include "mimalloc-types.h"
#	undef MI_SEGMENT_SHIFT
#endif
#define MI_SEGMENT_SHIFT ALLOCSTATS_SEGMENT_SHIFT

#include "static.c"
