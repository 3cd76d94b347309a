/*
 * Reading order:
 *   figures.def, sample.h        what is measured
 *   allocators.def, allocator.h  who measures it, and the contract they fulfil
 *   ownership.h                  how the one that runs this process is found
 *   allocators/glibc/adapter.c   the smallest real allocator; the others have the same shape
 *   kernel/process_memory.h      what the kernel says of the process; kernel/cgroup.h of its limits
 *   allocators/jemalloc/         what it alone can be told: each allocator's native API is in its own folder
 *   purge.h                      how memory is given back, and where a thread does it for itself
 *   agent/shared_memory.h        what the processes of a server show each other, each with its history
 *   agent/slot.h                 its own slot there; message.h is what one asks of others, wakeup.h what they wait on
 *   heap_profile/profile.h       which lines hold what malloc gave out; hooks.h and redirection.h are how it sees them
 *   private_heap.h               where all this keeps its own memory
 *   ruby/                        what Ruby sees of it: the only files, with each allocator's ruby.c, that know a VALUE
 */
#include "private_heap.h"
#include "process_generation.h"
#include "ruby/rb_allocstats.h"

RUBY_FUNC_EXPORTED void Init_allocstats(void);

RUBY_FUNC_EXPORTED void Init_allocstats(void) {
#ifdef HAVE_RB_EXT_RACTOR_SAFE
	rb_ext_ractor_safe(true);
#endif
	private_heap_init();
	process_generation_init();

	VALUE module = rb_define_module("AllocStats");
#define RB_PART(name) init_##name(module);
#include "ruby/rb_parts.def"
#undef RB_PART
#define NATIVE_API(name) init_##name(allocator_room(module, #name));
#include "allocators.def"
}
