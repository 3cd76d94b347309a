/* AllocStats.measure: what malloc gave to and took from this thread while a block ran; and the same of a request. */
#include "allocator.h"
#include "rb_allocstats.h"

#include <stdbool.h>
#include <string.h>

static VALUE measurement_class; /* AllocStats::Measurement, in lib/allocstats/measurement.rb */
static VALUE header_name;       /* "server-timing" */
static ID id_call;

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
	const struct allocator *allocator = allocator_current();
	bool counted = allocator->thread_bytes && allocator->thread_bytes(&given, &taken);
	VALUE response = rb_funcallv(app, id_call, 1, &env);
	if (!counted || !allocator->thread_bytes(&given_after, &taken)) return response;

	VALUE entry = timing_entry(given_after - given);
	if (!takes_header(response)) return rb_yield_values(2, response, entry);
	rb_hash_aset(RARRAY_AREF(response, 1), header_name, entry);
	return response;
}

void init_measurement(VALUE module) {
	measurement_class = rb_define_class_under(module, "Measurement", rb_cObject);
	rb_gc_register_mark_object(measurement_class);
	id_call = rb_intern("call");
	header_name = rb_str_freeze(rb_str_new_cstr("server-timing"));
	rb_gc_register_mark_object(header_name);
	rb_define_singleton_method(measurement_class, "of_request", of_request, 2);
	rb_define_singleton_method(module, "thread_bytes", thread_bytes, 0);
	rb_define_singleton_method(module, "measure", measure, 0);
}
