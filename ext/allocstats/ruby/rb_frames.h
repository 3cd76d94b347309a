/* The frames of Ruby that the calling thread runs, as far as it is safe to look at them from inside malloc. */
#ifndef ALLOCSTATS_RB_FRAMES_H
#define ALLOCSTATS_RB_FRAMES_H

#include "heap_profile/stack_table.h"

#include <stdbool.h>

/* Called once, with the GVL; false on a Ruby whose threads cannot be told while they are made. */
bool rb_frames_init(void);

/* Fills the stack's kind, frames, lines, depth and cut. Allocates nothing, neither of malloc nor of Ruby. */
void rb_frames_walk(struct stack *stack);

#endif
