/*
 * AllocStats::StartSecret.bytes: the random bytes that the kernel hands a program when it starts (AT_RANDOM,
 * getauxval(3)). Whoever is forked has its master's, also where the application was loaded after the fork; no other
 * program has them. What is made of them must not lead back to them: the C library keeps its canary and its pointer
 * guard there.
 */
#include "rb_allocstats.h"

#include <sys/auxv.h>

enum { LENGTH = 16 };

/* => String of 16 bytes, or nil where the kernel handed none. */
static VALUE bytes(VALUE self) {
	(void)self;
	const char *random = (const char *)getauxval(AT_RANDOM); // NOLINT(performance-no-int-to-ptr)
	return random ? rb_str_new(random, LENGTH) : Qnil;
}

void init_start_secret(VALUE module) {
	rb_define_singleton_method(rb_define_module_under(module, "StartSecret"), "bytes", bytes, 0);
}
