/* What AllocStats::Purge is made of: the steps of a purge, each without the GVL; lib/allocstats/purge/run.rb orders
 * them. */
#include "allocator.h"
#include "purge.h"
#include "rb_allocstats.h"

#include <ruby/thread.h>
#include <stdbool.h>
#include <string.h>

/* Without the GVL: takes the allocator's locks, for milliseconds. */
static void *purge_process_nogvl(void *status) {
	*(enum status *)status = purge_process();
	return NULL;
}

static void *purge_this_thread_nogvl(void *done) {
	*(bool *)done = purge_this_thread();
	return NULL;
}

static VALUE end_options(VALUE unused) {
	purge_options_end();
	return unused;
}

/* with_options { ... } => what the block answers; the options are the user's own again whatever ends it. */
static VALUE with_options(VALUE self) {
	(void)self;
	rb_need_block();
	purge_options_begin();
	return rb_ensure(rb_yield, Qnil, end_options, Qnil);
}

/* => true, or false where this allocator keeps nothing for the process that can be given back */
static VALUE purge_run_process(VALUE self) {
	(void)self;
	enum status status;
	rb_thread_call_without_gvl(purge_process_nogvl, &status, NULL, NULL);
	return boolean(status == STATUS_OK);
}

/* => true, or false where this allocator keeps nothing for threads */
static VALUE purge_run_this_thread(VALUE self) {
	(void)self;
	bool done;
	rb_thread_call_without_gvl(purge_this_thread_nogvl, &done, NULL, NULL);
	return boolean(done);
}

static VALUE purge_ask(VALUE self) {
	purge_ask_threads();
	return self;
}

/* AllocStats.safe_point => whether this thread handed something back. Keeps the GVL: giving it up could cost the thread
 * a turn of the others, a tenth of a second each, to save them some hundred microseconds. */
static VALUE safe_point(VALUE self) {
	(void)self;
	return boolean(purge_safe_point());
}

/* count(bytes given back, or nil) */
static VALUE purge_count_one(VALUE self, VALUE released) {
	purge_count(NIL_P(released) ? 0 : NUM2ULL(released));
	return self;
}

/* => {count:, bytes:} of this process */
static VALUE purge_totals(VALUE self) {
	(void)self;
	uint64_t count, bytes;
	purge_counts(&count, &bytes);
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("count"), ULL2NUM(count));
	rb_hash_aset(hash, symbol("bytes"), ULL2NUM(bytes));
	return hash;
}

static VALUE words(const char *text) {
	return text ? rb_str_new_cstr(text) : Qnil;
}

/* => {begin:, thread:, process:}, the steps in the allocator's own words, nil where it has none */
static VALUE purge_words(VALUE self) {
	(void)self;
	const struct allocator *allocator = allocator_current();
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("begin"), words(allocator->purge_begin_words));
	rb_hash_aset(hash, symbol("thread"), words(allocator->purge_thread_words));
	rb_hash_aset(hash, symbol("process"), words(allocator->purge_words));
	return hash;
}

void init_purge(VALUE module) {
	purge_init();
	VALUE class = rb_define_class_under(module, "Purge", rb_cObject);
	rb_define_singleton_method(class, "with_options", with_options, 0);
	rb_define_singleton_method(class, "on_process", purge_run_process, 0);
	rb_define_singleton_method(class, "on_this_thread", purge_run_this_thread, 0);
	rb_define_singleton_method(class, "ask_threads", purge_ask, 0);
	rb_define_singleton_method(class, "count", purge_count_one, 1);
	rb_define_singleton_method(class, "totals", purge_totals, 0);
	rb_define_singleton_method(class, "words", purge_words, 0);
	rb_define_singleton_method(module, "safe_point", safe_point, 0);
}
