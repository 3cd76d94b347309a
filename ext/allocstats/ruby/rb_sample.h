/* One reading of all figures, for the files that keep them: the allocator's, the kernel's and Ruby's own. */
#ifndef ALLOCSTATS_RB_SAMPLE_H
#define ALLOCSTATS_RB_SAMPLE_H

#include "sample.h"

/* With the GVL; some microseconds, no call of malloc, no Ruby object. Not before init_sample. */
void rb_read_figures(struct sample *figures);

#endif
