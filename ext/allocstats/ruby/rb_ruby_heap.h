/* What Ruby's own heap holds, for a sample. */
#ifndef ALLOCSTATS_RB_RUBY_HEAP_H
#define ALLOCSTATS_RB_RUBY_HEAP_H

#include "sample.h"

/* With the GVL; some microseconds at most, no call of malloc, no Ruby object. Not before init_ruby_heap. */
void rb_read_ruby_heap(struct sample *sample);

#endif
