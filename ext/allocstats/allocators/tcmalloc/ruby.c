/* AllocStats::Allocators::Tcmalloc: what TcmallocProperty and the release of free memory are made of. */
#include "properties.h"
#include "ruby/rb_allocstats.h"

#include <ruby/thread.h>

/* Tcmalloc.property_descriptions => [[name, unit, kind, least, most, definition], ...] */
static VALUE descriptions(VALUE self) {
	(void)self;
	VALUE list = rb_ary_new();
	for (size_t i = 0; i < tcmalloc_property_count; i++) {
		const struct tcmalloc_property *property = &tcmalloc_properties[i];
		rb_ary_push(list, rb_ary_new_from_args(6, rb_str_new_cstr(property->name), symbol(property->unit),
					  symbol(property->kind), SIZET2NUM(property->least), SIZET2NUM(property->most),
					  rb_str_new_cstr(property->definition)));
	}
	return list;
}

/* Tcmalloc.read_property(name) => Integer, or nil where the running version has no such property */
static VALUE read_property(VALUE self, VALUE name) {
	(void)self;
	size_t value;
	enum status status = tcmalloc_property_read(StringValueCStr(name), &value);
	if (status == STATUS_UNKNOWN_NAME) return Qnil;
	raise_unless_ok(status, "a numeric property of tcmalloc");
	return SIZET2NUM(value);
}

/* Tcmalloc.write_property(name, value) => the value before, Integer */
static VALUE write_property(VALUE self, VALUE name, VALUE value) {
	(void)self;
	size_t before;
	raise_unless_ok(
		tcmalloc_property_write(StringValueCStr(name), NUM2SIZET(value), &before), "this property of tcmalloc");
	return SIZET2NUM(before);
}

/* Tcmalloc.release_rate => Float */
static VALUE read_rate(VALUE self) {
	(void)self;
	double rate;
	raise_unless_ok(tcmalloc_release_rate_read(&rate), "tcmalloc's release rate");
	return DBL2NUM(rate);
}

/* Tcmalloc.write_release_rate(rate) => nil */
static VALUE write_rate(VALUE self, VALUE rate) {
	(void)self;
	raise_unless_ok(tcmalloc_release_rate_write(NUM2DBL(rate)), "tcmalloc's release rate");
	return Qnil;
}

struct release_call {
	size_t released;
	enum status status;
};

/* Without the GVL: unmaps pages under the page heap's lock. */
static void *release(void *data) {
	struct release_call *call = data;
	call->status = tcmalloc_release_free(&call->released);
	return NULL;
}

/* Tcmalloc.release_free_memory => bytes */
static VALUE release_free_memory(VALUE self) {
	(void)self;
	struct release_call call;
	rb_thread_call_without_gvl(release, &call, NULL, NULL);
	raise_unless_ok(call.status, "ReleaseFreeMemory");
	return SIZET2NUM(call.released);
}

void init_tcmalloc(VALUE room) {
	rb_define_singleton_method(room, "property_descriptions", descriptions, 0);
	rb_define_singleton_method(room, "read_property", read_property, 1);
	rb_define_singleton_method(room, "write_property", write_property, 2);
	rb_define_singleton_method(room, "release_rate", read_rate, 0);
	rb_define_singleton_method(room, "write_release_rate", write_rate, 1);
	rb_define_singleton_method(room, "release_free_memory", release_free_memory, 0);
}
