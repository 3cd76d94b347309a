/* What AllocStats::Purge is made of: the steps of a purge, each without the GVL; lib/allocstats/purge.rb orders them.
 */
#include "allocator.h"
#include "purge.h"
#include "rb_allocstats.h"
#include "thread_call.h"

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

static void *finish_call_nogvl(void *unused) {
	thread_call_finish();
	return unused;
}

static VALUE purge_begin(VALUE self) {
	purge_options_begin();
	return self;
}

static VALUE purge_end(VALUE self) {
	purge_options_end();
	return self;
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

/* AllocStats.safe_point => true if this thread gave memory back, false if nothing was asked of it. Keeps the GVL. */
static VALUE safe_point(VALUE self) {
	(void)self;
	return boolean(purge_safe_point());
}

/*
 * Methods in which Ruby waits without anything of the allocator's in its hands, and from which it goes on only with the
 * GVL. A thread that is anywhere else, in a C function of some gem for example, might be inside malloc.
 */
static bool waits_in_ruby(VALUE thread) {
	static const char *const methods[] = {"sleep", "pop", "shift", "deq", "push", "enq", "<<", "lock",
		"synchronize", "wait", "join", "value", "stop", "select", "wait_readable", "wait_writable"};
	VALUE frames = rb_funcall(thread, rb_intern("backtrace_locations"), 2, INT2FIX(0), INT2FIX(1));
	if (!RB_TYPE_P(frames, T_ARRAY) || RARRAY_LEN(frames) == 0) return false;
	VALUE label = rb_funcall(rb_ary_entry(frames, 0), rb_intern("base_label"), 0);
	if (!RB_TYPE_P(label, T_STRING)) return false;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if ((size_t)RSTRING_LEN(label) == strlen(methods[i]) &&
			memcmp(RSTRING_PTR(label), methods[i], strlen(methods[i])) == 0)
			return true;
	return false;
}

static bool sleeps(VALUE thread) {
	VALUE status = rb_funcall(thread, rb_intern("status"), 0);
	return RB_TYPE_P(status, T_STRING) && strcmp(StringValueCStr(status), "sleep") == 0;
}

/*
 * Purge.on_thread(thread) => :purged, or why not: :busy, :unreachable. Between the look at the thread and the beginning
 * of its purge this keeps the GVL, so that the thread cannot go on; it waits for the end without it.
 */
static VALUE purge_on_thread(VALUE self, VALUE thread) {
	(void)self;
	const struct allocator *allocator = allocator_current();
	if (!allocator->purge_thread) return symbol("unsupported");
	if (!rb_respond_to(thread, rb_intern("native_thread_id"))) return symbol("unreachable");
	bool waits = waits_in_ruby(thread);
	VALUE id = rb_funcall(thread, rb_intern("native_thread_id"), 0);
	if (!RB_INTEGER_TYPE_P(id)) return symbol("unreachable");
	if (!waits || !sleeps(thread)) return symbol("busy");
	switch (thread_call_begin((pid_t)NUM2INT(id), allocator->purge_thread)) {
	case THREAD_CALL_BEGUN:
		rb_thread_call_without_gvl(finish_call_nogvl, NULL, NULL, NULL);
		return symbol("purged");
	case THREAD_CALL_NOT_IDLE:
		return symbol("busy");
	case THREAD_CALL_NO_ANSWER:
	case THREAD_CALL_NO_SIGNAL:
		break;
	}
	return symbol("unreachable");
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
	rb_define_singleton_method(class, "begin_options", purge_begin, 0);
	rb_define_singleton_method(class, "end_options", purge_end, 0);
	rb_define_singleton_method(class, "on_process", purge_run_process, 0);
	rb_define_singleton_method(class, "on_this_thread", purge_run_this_thread, 0);
	rb_define_singleton_method(class, "on_thread", purge_on_thread, 1);
	rb_define_singleton_method(class, "ask_threads", purge_ask, 0);
	rb_define_singleton_method(class, "count", purge_count_one, 1);
	rb_define_singleton_method(class, "totals", purge_totals, 0);
	rb_define_singleton_method(class, "words", purge_words, 0);
	rb_define_singleton_method(module, "safe_point", safe_point, 0);
}
