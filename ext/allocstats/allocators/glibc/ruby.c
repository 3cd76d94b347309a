/* AllocStats::Allocators::Glibc: what Mallopt, mallinfo2 and malloc_trim are made of. */
#include "malloc_functions.h"
#include "mallopt.h"
#include "ruby/rb_allocstats.h"

#include <ruby/thread.h>

static VALUE string_or_nil(const char *string) {
	return string ? rb_str_new_cstr(string) : Qnil;
}

/* Glibc.mallopt_descriptions => [[name, kind, least, most, variable or nil, tunable, definition], ...] */
static VALUE descriptions(VALUE self) {
	(void)self;
	VALUE list = rb_ary_new();
	for (size_t i = 0; i < MALLOPT_COUNT; i++) {
		const struct mallopt_description *option = &mallopt_descriptions[i];
		rb_ary_push(
			list, rb_ary_new_from_args(7, symbol(option->name), symbol(option->kind),
				      INT2NUM(option->least), INT2NUM(option->most), string_or_nil(option->variable),
				      string_or_nil(option->tunable), string_or_nil(option->definition)));
	}
	return list;
}

static enum mallopt option_at(VALUE index) {
	int option = NUM2INT(index);
	if (option < 0 || option >= MALLOPT_COUNT) rb_raise(error_unknown_name, "mallopt has no option %d", option);
	return (enum mallopt)option;
}

/* Glibc.mallopt(index in mallopt_descriptions, value) => nil. Keeps the GVL: it waits for a lock that malloc takes as
 * well. */
static VALUE set_option(VALUE self, VALUE index, VALUE value) {
	(void)self;
	raise_unless_ok(mallopt_set(option_at(index), NUM2INT(value)), "this option of mallopt");
	return Qnil;
}

/* Glibc.mallopt_remembered(index in mallopt_descriptions) => Integer or nil */
static VALUE remembered_option(VALUE self, VALUE index) {
	(void)self;
	int value;
	return mallopt_remembered(option_at(index), &value) ? INT2NUM(value) : Qnil;
}

struct mallinfo_call {
	struct glibc_mallinfo figures;
	enum status status;
	double seconds;
};

/* Without the GVL: walks the heap under the arenas' locks. */
static void *read_mallinfo(void *data) {
	struct mallinfo_call *call = data;
	double begin = seconds_now();
	call->status = glibc_mallinfo_read(&call->figures);
	call->seconds = seconds_now() - begin;
	return NULL;
}

/* Glibc.mallinfo2 => {arena: Integer, ..., seconds: Float} */
static VALUE mallinfo2(VALUE self) {
	(void)self;
	struct mallinfo_call call;
	rb_thread_call_without_gvl(read_mallinfo, &call, NULL, NULL);
	if (call.status == STATUS_UNSUPPORTED)
		rb_raise(error_unsupported,
			"mallinfo2 came with glibc 2.33, and this is older: malloc_info has the same sums");
	VALUE hash = rb_hash_new();
#define MALLINFO_FIGURE(name) rb_hash_aset(hash, symbol(#name), SIZET2NUM(call.figures.name));
#include "mallinfo_figures.def"
#undef MALLINFO_FIGURE
	rb_hash_aset(hash, symbol("seconds"), DBL2NUM(call.seconds));
	return hash;
}

struct trim_call {
	size_t pad;
	bool released;
	enum status status;
};

/* Without the GVL: walks all arenas under their locks and unmaps pages. */
static void *run_trim(void *data) {
	struct trim_call *call = data;
	call->status = glibc_trim(call->pad, &call->released);
	return NULL;
}

/* Glibc.malloc_trim(pad) => true or false */
static VALUE trim(VALUE self, VALUE pad) {
	(void)self;
	struct trim_call call = {.pad = NUM2SIZET(pad)};
	rb_thread_call_without_gvl(run_trim, &call, NULL, NULL);
	raise_unless_ok(call.status, "malloc_trim");
	return boolean(call.released);
}

void init_glibc(VALUE room) {
	rb_define_singleton_method(room, "mallopt_descriptions", descriptions, 0);
	rb_define_singleton_method(room, "mallopt", set_option, 2);
	rb_define_singleton_method(room, "mallopt_remembered", remembered_option, 1);
	rb_define_singleton_method(room, "mallinfo2", mallinfo2, 0);
	rb_define_singleton_method(room, "malloc_trim", trim, 1);
}
