/*
 * Included before the sources of the private allocator, whichever it is: it is a guest in a process, so
 *
 * - its own mappings take no huge pages, or a block of a few bytes would make two megabytes resident;
 * - the switch for huge pages that holds for the whole process stays the host's, though allocators like to set it;
 * - its mappings carry the extension's name, where the kernel keeps names, and not that of an allocator.
 */
#ifndef ALLOCSTATS_QUIET_MAPPING_H
#define ALLOCSTATS_QUIET_MAPPING_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static inline void *map_quietly(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
	void *mapped = mmap(address, bytes, protection, flags, fd, offset);
	if (mapped == MAP_FAILED) return mapped;
	int error = errno;
#ifdef MADV_NOHUGEPAGE
	(void)madvise(mapped, bytes, MADV_NOHUGEPAGE);
#endif
#ifdef PR_SET_VMA
	(void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, mapped, bytes, "allocstats");
#endif
	errno = error;
	return mapped;
}

#define mmap map_quietly
#undef PR_SET_VMA
#undef PR_GET_THP_DISABLE
#undef PR_SET_THP_DISABLE

#endif
