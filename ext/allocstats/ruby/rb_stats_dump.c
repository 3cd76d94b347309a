/* AllocStats::Allocators.stats_dump: the allocator's own full account of itself, fetched without the GVL. */
#include "allocator.h"
#include "rb_allocstats.h"
#include "text.h"

#include <ruby/thread.h>

struct stats_dump {
	const struct allocator *allocator;
	struct text text;
	enum status status;
	double seconds;
};

/* Without the GVL: may wait for the allocator's locks, and may walk its heap while other Ruby threads run. */
static void *take_dump(void *data) {
	struct stats_dump *dump = data;
	double begin = seconds_now();
	dump->status = dump->allocator->stats_dump(&dump->text);
	dump->seconds = seconds_now() - begin;
	return NULL;
}

static VALUE dump_to_ruby(VALUE data) {
	struct stats_dump *dump = (struct stats_dump *)data;
	raise_unless_ok(dump->status, "the allocator's account of itself");
	VALUE text = rb_utf8_str_new(dump->text.length ? dump->text.bytes : "", (long)dump->text.length);
	return rb_ary_new_from_args(3, symbol(dump->allocator->stats_dump_format()), text, DBL2NUM(dump->seconds));
}

static VALUE free_dump(VALUE data) {
	text_free(&((struct stats_dump *)data)->text);
	return Qnil;
}

static VALUE run_dump(VALUE data) {
	rb_thread_call_without_gvl(take_dump, (struct stats_dump *)data, NULL, NULL);
	return dump_to_ruby(data);
}

/* => [format Symbol, text String, seconds Float], nil where the running allocator has no statistics */
static VALUE stats_dump(VALUE self) {
	(void)self;
	struct stats_dump dump = {.allocator = allocator_current()};
	if (!dump.allocator->stats_dump) return Qnil;
	return rb_ensure(run_dump, (VALUE)&dump, free_dump, (VALUE)&dump);
}

void init_stats_dump(VALUE module) {
	VALUE allocators = rb_define_module_under(module, "Allocators");
	rb_define_singleton_method(allocators, "stats_dump", stats_dump, 0);
}
