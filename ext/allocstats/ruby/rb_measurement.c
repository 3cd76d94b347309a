/* AllocStats.measure: what malloc gave to and took from this thread while a block ran. */
#include "allocator.h"
#include "rb_allocstats.h"

static VALUE measurement_class; /* AllocStats::Measurement, in lib/allocstats/measurement.rb */

/* AllocStats.thread_bytes => [given, taken] since this thread began, or nil. Keeps the GVL; some ten nanoseconds. */
static VALUE thread_bytes(VALUE self) {
	uint64_t given, taken;
	(void)self;
	const struct allocator *allocator = allocator_current();
	if (!allocator->thread_bytes || !allocator->thread_bytes(&given, &taken)) return Qnil;
	return rb_assoc_new(ULL2NUM(given), ULL2NUM(taken));
}

/* The counters only rise, and wrap at 64 bits, so their differences hold. */
static VALUE measure(VALUE self) {
	uint64_t given = 0, taken = 0, given_after = 0, taken_after = 0;
	(void)self;
	rb_need_block();
	const struct allocator *allocator = allocator_current();
	int counted = allocator->thread_bytes && allocator->thread_bytes(&given, &taken);
	VALUE value = rb_yield_values(0);
	if (counted) counted = allocator->thread_bytes(&given_after, &taken_after);
	return rb_funcall(measurement_class, rb_intern("new"), 3, value, counted ? ULL2NUM(given_after - given) : Qnil,
		counted ? ULL2NUM(taken_after - taken) : Qnil);
}

void init_measurement(VALUE module) {
	measurement_class = rb_define_class_under(module, "Measurement", rb_cObject);
	rb_gc_register_mark_object(measurement_class);
	rb_define_singleton_method(module, "thread_bytes", thread_bytes, 0);
	rb_define_singleton_method(module, "measure", measure, 0);
}
