/* AllocStats.measure: what malloc gave to and took from this thread while a block ran; and the same of a request. */
#include "allocator.h"
#include "rb_allocstats.h"

#include <ruby/ractor.h>
#include <ruby/version.h>
#include <stdbool.h>
#include <string.h>

/* From this Ruby on its threads can share native threads: all of them with RUBY_MN_THREADS=1, which the description
 * then says, and those of every Ractor but the main one. */
#define RUBY_SHARES_NATIVE_THREADS (RUBY_API_VERSION_CODE >= 30300)

static VALUE measurement_class; /* AllocStats::Measurement, in lib/allocstats/measurement.rb */
static VALUE header_name;       /* "server-timing" */
static ID id_call, id_current;
static VALUE main_ractor;       /* AllocStats and its constants were made by it */
static bool all_share_natively; /* RUBY_MN_THREADS=1 */

/*
 * Whether what the allocator counts for this native thread is this Ruby thread's alone. Where native threads are
 * shared, the counters have the bytes of whichever Ruby threads ran there, and a thread goes on in another one than it
 * waited in. Tens of nanoseconds where Ractors can share, else none.
 */
static bool is_counted_alone(void) {
	if (!RUBY_SHARES_NATIVE_THREADS) return true;
	return !all_share_natively && rb_funcallv(rb_cRactor, id_current, 0, NULL) == main_ractor;
}

/* False where this allocator does not count, and where what it counts is not this thread's alone. */
static bool read_thread_bytes(uint64_t *given, uint64_t *taken) {
	const struct allocator *allocator = allocator_current();
	return allocator->thread_bytes && is_counted_alone() && allocator->thread_bytes(given, taken);
}

/* AllocStats.thread_bytes => [given, taken] since this thread began, or nil. Keeps the GVL; some ten nanoseconds. */
static VALUE thread_bytes(VALUE self) {
	uint64_t given, taken;
	(void)self;
	if (!read_thread_bytes(&given, &taken)) return Qnil;
	return rb_assoc_new(ULL2NUM(given), ULL2NUM(taken));
}

/* The counters only rise, and wrap at 64 bits, so their differences hold. */
static VALUE measure(VALUE self) {
	uint64_t given = 0, taken = 0, given_after = 0, taken_after = 0;
	(void)self;
	rb_need_block();
	bool counted = read_thread_bytes(&given, &taken);
	VALUE value = rb_yield_values(0);
	if (counted) counted = allocator_current()->thread_bytes(&given_after, &taken_after);
	return rb_funcall(measurement_class, rb_intern("new"), 4, value, counted ? ULL2NUM(given_after - given) : Qnil,
		counted ? ULL2NUM(taken_after - taken) : Qnil, boolean(!is_counted_alone()));
}

/* Whether a header is added by setting a key: of a plain Hash that is not frozen and has no such header yet. */
static bool takes_header(VALUE response) {
	if (!RB_TYPE_P(response, T_ARRAY) || RARRAY_LEN(response) < 2) return false;
	VALUE headers = RARRAY_AREF(response, 1);
	return RB_TYPE_P(headers, T_HASH) && rb_obj_class(headers) == rb_cHash && !OBJ_FROZEN(headers) &&
	       rb_hash_lookup2(headers, header_name, Qundef) == Qundef;
}

/* An entry of the header, `malloc;desc="1258291 B"`: written from its end, since printf would take 60 ns. */
static VALUE timing_entry(uint64_t bytes) {
	static const char head[] = "malloc;desc=\"", tail[] = " B\"";
	char text[sizeof head + 20 + sizeof tail];
	char *const end = text + sizeof text, *at = end - strlen(tail);
	memcpy(at, tail, strlen(tail));
	do *--at = (char)('0' + bytes % 10);
	while (bytes /= 10);
	at -= strlen(head);
	memcpy(at, head, strlen(head));
	return rb_str_new(at, end - at);
}

/*
 * Measurement.of_request(app, env) { |response, entry| ... } => the response of app.call(env), with what malloc gave to
 * it in its Server-Timing header; the block, which answers instead, is for responses that take more than setting a key.
 * In C because it is run for every request: lib/allocstats/rack/server_timing.rb. Keeps the GVL.
 */
static VALUE of_request(VALUE self, VALUE app, VALUE env) {
	uint64_t given, given_after, taken;
	(void)self;
	bool counted = read_thread_bytes(&given, &taken);
	VALUE response = rb_funcallv(app, id_call, 1, &env);
	if (!counted || !allocator_current()->thread_bytes(&given_after, &taken)) return response;

	VALUE entry = timing_entry(given_after - given);
	if (!takes_header(response)) return rb_yield_values(2, response, entry);
	rb_hash_aset(RARRAY_AREF(response, 1), header_name, entry);
	return response;
}

void init_measurement(VALUE module) {
	measurement_class = rb_define_class_under(module, "Measurement", rb_cObject);
	rb_gc_register_mark_object(measurement_class);
	id_call = rb_intern("call");
	id_current = rb_intern("current");
	VALUE description = rb_const_get(rb_cObject, rb_intern("RUBY_DESCRIPTION"));
	all_share_natively = RTEST(rb_funcall(description, rb_intern("include?"), 1, rb_str_new_cstr(" +MN")));
	main_ractor = rb_funcall(rb_cRactor, id_current, 0);
	rb_gc_register_mark_object(main_ractor);
	header_name = rb_str_freeze(rb_str_new_cstr("server-timing"));
	rb_gc_register_mark_object(header_name);
	rb_define_singleton_method(measurement_class, "of_request", of_request, 2);
	rb_define_singleton_method(module, "thread_bytes", thread_bytes, 0);
	rb_define_singleton_method(module, "measure", measure, 0);
}
