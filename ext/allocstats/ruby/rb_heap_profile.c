/*
 * AllocStats::HeapProfile's native part: begins, reads and ends the one profile of this process, with the GVL.
 * lib/allocstats/heap_profile.rb makes stacks and snapshots of the numbers.
 */
#include "rb_allocstats.h"

#include "heap_profile/profile.h"
#include "heap_profile/redirection.h"
#include "rb_frames.h"

#include <dlfcn.h>
#include <ruby/debug.h>
#include <stdatomic.h>
#include <time.h>

enum { FOLLOW_MS = 100 };

static struct redirection redirected;

/* The code objects that the stacks lead to stay alive and where they are: their names are read at the snapshot. */
static void mark_frames(void *data) {
	(void)data;
	if (!heap_profile_on()) return;
	const struct pool *frames = &heap_profile_stacks()->frames;
	for (uint32_t i = 0; i < frames->count; i++) rb_gc_mark((VALUE)((struct frame *)pool_at(frames, i))->code);
}

static const rb_data_type_t keeper_type = {
	.wrap_struct_name = "AllocStats::HeapProfile frames",
	.function = {.dmark = mark_frames},
};

/* Between two instructions of Ruby, with the GVL: libraries that were loaded since the profile began. */
static void follow(void *data) {
	(void)data;
	if (heap_profile_on()) redirection_follow(&redirected);
}

static void trigger_follow(void) {
#ifdef HAVE_RB_POSTPONED_JOB_PREREGISTER
	static rb_postponed_job_handle_t job = POSTPONED_JOB_HANDLE_INVALID;
	if (job == POSTPONED_JOB_HANDLE_INVALID) job = rb_postponed_job_preregister(0, follow, NULL);
	if (job != POSTPONED_JOB_HANDLE_INVALID) rb_postponed_job_trigger(job);
#else
	rb_postponed_job_register_one(0, follow, NULL);
#endif
}

/* From inside malloc. One look at loaded libraries in a while is asked for, to be taken where more may be done. */
static void walk(struct stack *stack) {
	static atomic_uint_fast64_t next;
	rb_frames_walk(stack);
	if (stack->kind != STACK_FRAMES) return;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (ms < atomic_load_explicit(&next, memory_order_relaxed)) return;
	atomic_store_explicit(&next, ms + FOLLOW_MS, memory_order_relaxed);
	trigger_follow();
}

static VALUE end_profile(VALUE self) {
	if (heap_profile_on()) {
		redirection_end(&redirected);
		heap_profile_end();
	}
	return self;
}

static void begin_profile(VALUE interval, VALUE limit) {
	struct heap_profile_settings settings = {.interval = NUM2ULL(interval), .limit = NUM2ULL(limit), .walk = walk};
	if (heap_profile_on()) rb_raise(error_base, "a heap profile is on already");
	if (!rb_frames_init()) rb_raise(error_unsupported, "this Ruby does not show which thread runs where");
	redirection_object_range((const void *)rb_gc_mark, &settings.host_start, &settings.host_end);
	raise_unless_ok(heap_profile_begin(&settings), "a heap profile");
	if (redirection_begin((const void *)rb_gc_mark, &redirected) == STATUS_OK) return;
	heap_profile_end();
	rb_raise(error_unsupported, "malloc cannot be profiled here: %s",
		redirected.refusal[0] ? redirected.refusal : "there is no memory for the list of its slots");
}

/* begin(interval, limit) */
static VALUE rb_heap_profile_begin(VALUE self, VALUE interval, VALUE limit) {
	begin_profile(interval, limit);
	return self;
}

/* around(interval, limit) { } => what the block answers; the profile ends with it, however it ends */
static VALUE rb_heap_profile_around(VALUE self, VALUE interval, VALUE limit) {
	begin_profile(interval, limit);
	return rb_ensure(rb_yield, Qundef, end_profile, self);
}

/* ending { } => what the block answers; the profile that is on ends with it, however it ends */
static VALUE rb_heap_profile_ending(VALUE self) {
	return rb_ensure(rb_yield, Qundef, end_profile, self);
}

static VALUE rb_heap_profile_on(VALUE self) {
	(void)self;
	return boolean(heap_profile_on());
}

static VALUE estimate_to_ruby(const struct estimate *estimate) {
	return rb_ary_new_from_args(5, ULL2NUM(estimate->samples), DBL2NUM(estimate->objects),
		DBL2NUM(estimate->objects_variance), DBL2NUM(estimate->bytes), DBL2NUM(estimate->bytes_variance));
}

static VALUE number_or_nil(uint32_t id) {
	return id == NO_ID ? Qnil : UINT2NUM(id);
}

static VALUE site_to_ruby(const struct site *site) {
	static const char *const kinds[] = {
		[STACK_FRAMES] = "ruby", [STACK_NO_GVL] = "no_gvl", [STACK_COLLECTOR] = "collector"};
	return rb_ary_new_from_args(6, symbol(kinds[site->kind]), boolean(site->cut), number_or_nil(site->node),
		number_or_nil(site->thread), site->caller ? ULL2NUM(site->caller) : Qnil,
		estimate_to_ruby(&site->born));
}

static VALUE row_to_ruby(const struct live_row *row) {
	return rb_ary_new_from_args(4, UINT2NUM(row->site), UINT2NUM(row->birth), UINT2NUM(row->first_second),
		estimate_to_ruby(&row->estimate));
}

static VALUE copy_to_ruby(VALUE data) {
	const struct heap_profile_copy *copy = (const struct heap_profile_copy *)data;
	VALUE hash = rb_hash_new(), sites = rb_ary_new_capa(copy->site_count), rows = rb_ary_new_capa(copy->row_count);
	for (uint32_t i = 0; i < copy->site_count; i++) rb_ary_push(sites, site_to_ruby(&copy->sites[i]));
	for (uint32_t i = 0; i < copy->row_count; i++) rb_ary_push(rows, row_to_ruby(&copy->rows[i]));
	rb_hash_aset(hash, symbol("serial"), ULL2NUM(copy->serial));
	rb_hash_aset(hash, symbol("number"), UINT2NUM(copy->number));
	rb_hash_aset(hash, symbol("interval"), ULL2NUM(copy->interval));
	rb_hash_aset(hash, symbol("seconds"), DBL2NUM(copy->seconds));
	rb_hash_aset(hash, symbol("dropped"), estimate_to_ruby(&copy->dropped));
	rb_hash_aset(hash, symbol("sites"), sites);
	rb_hash_aset(hash, symbol("rows"), rows);
	return hash;
}

static VALUE free_copy(VALUE data) {
	heap_profile_copy_free((struct heap_profile_copy *)data);
	return Qnil;
}

/* copy => the numbers of a snapshot */
static VALUE rb_heap_profile_copy(VALUE self) {
	(void)self;
	struct heap_profile_copy copy;
	redirection_follow(&redirected);
	raise_unless_ok(heap_profile_read(&copy), "a snapshot of the heap profile");
	return rb_ensure(copy_to_ruby, (VALUE)&copy, free_copy, (VALUE)&copy);
}

/* redirection => {objects:, slots:, foreign:, locked:, changed:} */
static VALUE rb_heap_profile_redirection(VALUE self) {
	(void)self;
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("objects"), SIZET2NUM(redirected.objects));
	rb_hash_aset(hash, symbol("slots"), SIZET2NUM(redirected.slots));
	rb_hash_aset(hash, symbol("foreign"), SIZET2NUM(redirected.foreign));
	rb_hash_aset(hash, symbol("locked"), SIZET2NUM(redirected.locked));
	rb_hash_aset(hash, symbol("changed"), SIZET2NUM(redirected.changed));
	return hash;
}

/* A record of the profile with this serial number: another one, begun meanwhile, has others under the same numbers. */
static const void *record(VALUE serial, const struct pool *pool, VALUE number) {
	uint64_t profile = NUM2ULL(serial);
	unsigned long id = NUM2ULONG(number);
	if (!heap_profile_on() || heap_profile_serial() != profile || id >= pool->count)
		rb_raise(error_base, "the heap profile ended while its snapshot was taken");
	return pool_at(pool, (uint32_t)id);
}

/* stack(serial, node) => [frame, ...], innermost first */
static VALUE rb_heap_profile_stack(VALUE self, VALUE serial, VALUE node) {
	(void)self;
	const struct stack_table *stacks = heap_profile_stacks();
	VALUE frames = rb_ary_new();
	const struct stack_node *at = record(serial, &stacks->nodes, node);
	for (;;) {
		rb_ary_push(frames, UINT2NUM(at->frame));
		if (at->parent == NO_ID) return frames;
		at = pool_at(&stacks->nodes, at->parent);
	}
}

/* frame(serial, number) => [path, absolute path, label, the code's first line, line]; nil for what is not known */
static VALUE rb_heap_profile_frame(VALUE self, VALUE serial, VALUE number) {
	(void)self;
	const struct frame *frame = record(serial, &heap_profile_stacks()->frames, number);
	VALUE code = (VALUE)frame->code;
	return rb_ary_new_from_args(5, rb_profile_frame_path(code), rb_profile_frame_absolute_path(code),
		rb_profile_frame_full_label(code), rb_profile_frame_first_lineno(code), INT2NUM(frame->line));
}

/* thread(serial, number) => [the kernel's number, name] */
static VALUE rb_heap_profile_thread(VALUE self, VALUE serial, VALUE number) {
	(void)self;
	const struct thread_row *row = record(serial, &heap_profile_stacks()->threads, number);
	return rb_ary_new_from_args(2, INT2NUM(row->id), rb_str_new_cstr(row->name));
}

/* native(address) => [object, symbol or nil], or nil where nothing is loaded any more */
static VALUE rb_heap_profile_native(VALUE self, VALUE address) {
	(void)self;
	Dl_info where;
	uintptr_t call = (uintptr_t)NUM2ULL(address) - 1; /* the address is where the call comes back to */
	if (!dladdr((const void *)call, &where) || !where.dli_fname) return Qnil;
	return rb_ary_new_from_args(
		2, rb_str_new_cstr(where.dli_fname), where.dli_sname ? rb_str_new_cstr(where.dli_sname) : Qnil);
}

void init_heap_profile(VALUE module) {
	VALUE keeper = rb_data_typed_object_wrap(rb_cObject, &redirected, &keeper_type);
	rb_gc_register_mark_object(keeper);
	VALUE profile = rb_define_module_under(module, "HeapProfile");
	VALUE native = rb_define_module_under(profile, "Native");
	rb_define_singleton_method(native, "begin", rb_heap_profile_begin, 2);
	rb_define_singleton_method(native, "around", rb_heap_profile_around, 2);
	rb_define_singleton_method(native, "ending", rb_heap_profile_ending, 0);
	rb_define_singleton_method(native, "on?", rb_heap_profile_on, 0);
	rb_define_singleton_method(native, "copy", rb_heap_profile_copy, 0);
	rb_define_singleton_method(native, "redirection", rb_heap_profile_redirection, 0);
	rb_define_singleton_method(native, "stack", rb_heap_profile_stack, 2);
	rb_define_singleton_method(native, "frame", rb_heap_profile_frame, 2);
	rb_define_singleton_method(native, "thread", rb_heap_profile_thread, 2);
	rb_define_singleton_method(native, "native", rb_heap_profile_native, 1);
}
