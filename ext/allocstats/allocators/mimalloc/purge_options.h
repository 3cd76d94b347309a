/*
 * The options that decide whether mimalloc's free pages return to the kernel when it is told to collect. A purge brings
 * them there for its own time: by default 2.0 decommits only what waited for a while, and 3.x leaves ranges alone that
 * are smaller than a huge page. The callers see to it that begin and end alternate.
 */
#ifndef ALLOCSTATS_MIMALLOC_PURGE_H
#define ALLOCSTATS_MIMALLOC_PURGE_H

void mimalloc_purge_begin(void);
void mimalloc_purge_end(void);

#endif
