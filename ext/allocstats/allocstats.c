/*
 * Reading order:
 *   figures.def, sample.h        what is measured
 *   allocators.def, allocator.h  who measures it, and the contract they fulfil
 *   ownership.h                  how the one that runs this process is found
 *   allocators/glibc.c           the smallest real allocator; the others have the same shape
 *   process_memory.h, cgroup.h   what the kernel says of the process and its limits
 *   private_heap.h               where all this keeps its own memory
 *   rb_*.c                       what Ruby sees of it: the only files that know a VALUE
 */
#include "private_heap.h"
#include "process_generation.h"
#include "rb_allocstats.h"

RUBY_FUNC_EXPORTED void Init_allocstats(void);

RUBY_FUNC_EXPORTED void Init_allocstats(void) {
#ifdef HAVE_RB_EXT_RACTOR_SAFE
	rb_ext_ractor_safe(true);
#endif
	private_heap_init();
	process_generation_init();

	VALUE module = rb_define_module("AllocStats");
#define RB_PART(name) init_##name(module);
#include "rb_parts.def"
#undef RB_PART
}
