/* What each mapping is for, as far as its own line tells. */
#ifndef ALLOCSTATS_MAPPINGS_H
#define ALLOCSTATS_MAPPINGS_H

#include "smaps.h"

/*
 * Gives every mapping its kind: by its name, by the file it maps, by its permissions. [heap] is the allocator's only
 * where `brk_is_malloc` says that the allocator in charge grows by brk(2).
 */
void mappings_classify(struct mappings *mappings, bool brk_is_malloc);

#endif
