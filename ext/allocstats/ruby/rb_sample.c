/*
 * AllocStats::Sample: one reading of the figures, refilled in place. The figures live in the private heap; refresh
 * holds the GVL for some microseconds, calls malloc not once and makes no Ruby object.
 */
#include "rb_sample.h"
#include "allocator.h"
#include "private_heap.h"
#include "process_generation.h"
#include "rb_allocstats.h"
#include "rb_ruby_heap.h"

#include "sample.h"
#include <stdbool.h>
#include <string.h>

struct rb_sample {
	struct sample *figures; /* NULL before the first reading and once closed */
	unsigned generation;    /* of the process that the figures speak of */
};

static ID figure_ids[FIGURE_COUNT];

static void rb_sample_free(void *data) {
	private_free(PRIVATE_samples, ((struct rb_sample *)data)->figures);
	xfree(data);
}

static size_t rb_sample_size(const void *data) {
	const struct rb_sample *sample = data;
	return sizeof *sample + (sample->figures ? sizeof *sample->figures : 0);
}

/* A frozen sample can no longer change, so Ractors may share it. */
static const rb_data_type_t rb_sample_type = {
	.wrap_struct_name = "AllocStats::Sample",
	.function = {.dfree = rb_sample_free, .dsize = rb_sample_size},
	.flags = RUBY_TYPED_FREE_IMMEDIATELY | RUBY_TYPED_WB_PROTECTED | RUBY_TYPED_FROZEN_SHAREABLE,
};

static VALUE rb_sample_alloc(VALUE class) {
	struct rb_sample *sample;
	return TypedData_Make_Struct(class, struct rb_sample, &rb_sample_type, sample);
}

static struct rb_sample *unwrap(VALUE self) {
	struct rb_sample *sample;
	TypedData_Get_Struct(self, struct rb_sample, &rb_sample_type, sample);
	return sample;
}

/* The figures, if they are there and speak of this process. */
static struct sample *figures_of(VALUE self) {
	struct rb_sample *sample = unwrap(self);
	if (!sample->figures) rb_raise(error_base, "this sample is closed; AllocStats.sample takes a new one");
	if (sample->generation != process_generation())
		rb_raise(error_base, "this sample was taken before a fork and speaks of the parent process; "
				     "AllocStats.sample takes a new one");
	return sample->figures;
}

void rb_read_figures(struct sample *figures) {
	allocator_sample(figures);
	rb_read_ruby_heap(figures);
}

static struct sample *allocate_figures(struct rb_sample *sample) {
	sample->figures = private_alloc(PRIVATE_samples, sizeof *sample->figures);
	if (!sample->figures) rb_raise(error_base, "no memory for a sample");
	sample->generation = process_generation();
	return sample->figures;
}

/* Sample.new => the first reading */
static VALUE rb_sample_initialize(VALUE self) {
	struct rb_sample *sample = unwrap(self);
	rb_check_frozen(self);
	if (sample->figures) rb_raise(error_base, "this sample has its figures already; refresh reads them anew");
	rb_read_figures(allocate_figures(sample));
	return self;
}

static VALUE rb_sample_initialize_copy(VALUE self, VALUE other) {
	struct rb_sample *copy = unwrap(self);
	if (self == other) return self;
	rb_check_frozen(self);
	const struct sample *source = figures_of(other);
	if (!copy->figures) allocate_figures(copy);
	copy->generation = process_generation();
	*copy->figures = *source;
	return self;
}

/* refresh => self, with all figures read anew */
static VALUE rb_sample_refresh(VALUE self) {
	rb_check_frozen(self);
	rb_read_figures(figures_of(self));
	return self;
}

/* close => nil; the figures' memory is given back at once instead of when the object is collected */
static VALUE rb_sample_close(VALUE self) {
	rb_check_frozen(self);
	struct rb_sample *sample = unwrap(self);
	private_free(PRIVATE_samples, sample->figures);
	sample->figures = NULL;
	return Qnil;
}

static VALUE rb_sample_closed(VALUE self) {
	return boolean(!unwrap(self)->figures);
}

static VALUE figure_value(const struct sample *figures, enum figure figure) {
	return sample_has(figures, figure) ? ULL2NUM(figures->value[figure]) : Qnil;
}

/* live => bytes that malloc has given out and not got back (allocated), or nil where that is not counted cheaply */
static VALUE rb_sample_live(VALUE self) {
	uint64_t bytes;
	return sample_live(figures_of(self), &bytes) ? ULL2NUM(bytes) : Qnil;
}

/* kept => bytes that malloc holds beyond those: resident, or else committed, less allocated; nil on glibc */
static VALUE rb_sample_kept(VALUE self) {
	uint64_t bytes;
	return sample_kept(figures_of(self), &bytes) ? ULL2NUM(bytes) : Qnil;
}

static bool is_name(VALUE name, const char *figure) {
	size_t length = strlen(figure);
	return (size_t)RSTRING_LEN(name) == length && memcmp(RSTRING_PTR(name), figure, length) == 0;
}

/* sample[:rss] => Integer, or nil where it was not measured; UnknownName for what is no figure */
static VALUE rb_sample_aref(VALUE self, VALUE name) {
	const struct sample *figures = figures_of(self);
	for (int i = 0; i < FIGURE_COUNT; i++)
		if (name == ID2SYM(figure_ids[i]) ||
			(RB_TYPE_P(name, T_STRING) && is_name(name, figure_descriptions[i].name)))
			return figure_value(figures, (enum figure)i);
	return rb_funcall(rb_obj_class(self), rb_intern("unknown_figure"), 1, name);
}

/* to_h => {allocated: Integer or nil, ...} in the order of figures.def */
static VALUE rb_sample_to_h(VALUE self) {
	const struct sample *figures = figures_of(self);
	VALUE hash = rb_hash_new();
	for (int i = 0; i < FIGURE_COUNT; i++)
		rb_hash_aset(hash, ID2SYM(figure_ids[i]), figure_value(figures, (enum figure)i));
	return hash;
}

#define FIGURE(name, unit, kind, definition)                                                                           \
	static VALUE rb_sample_##name(VALUE self) {                                                                    \
		return figure_value(figures_of(self), FIGURE_##name);                                                  \
	}
#include "figures.def"
#undef FIGURE

static VALUE allocators_with(enum figure figure) {
	VALUE names = rb_ary_new();
	figure_mask bit = (figure_mask)1 << figure;
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		if ((PROCESS_FIGURES | allocators[i]->figures) & bit) rb_ary_push(names, symbol(allocators[i]->name));
	return names;
}

/* Sample.catalogue => [[name, unit, kind, definition, [allocators that can measure it], note or nil], ...] */
static VALUE rb_sample_catalogue(VALUE self) {
	(void)self;
	VALUE list = rb_ary_new();
	for (int i = 0; i < FIGURE_COUNT; i++) {
		const struct figure_description *description = &figure_descriptions[i];
		const char *note = allocator_current()->notes[i];
		rb_ary_push(list, rb_ary_new_from_args(6, symbol(description->name), symbol(description->unit),
					  symbol(description->kind), rb_str_new_cstr(description->definition),
					  allocators_with((enum figure)i), note ? rb_str_new_cstr(note) : Qnil));
	}
	return list;
}

void init_sample(VALUE module) {
	for (int i = 0; i < FIGURE_COUNT; i++) figure_ids[i] = rb_intern(figure_descriptions[i].name);

	VALUE class = rb_define_class_under(module, "Sample", rb_cObject);
	rb_define_alloc_func(class, rb_sample_alloc);
	rb_define_singleton_method(class, "catalogue", rb_sample_catalogue, 0);
	rb_define_method(class, "initialize", rb_sample_initialize, 0);
	rb_define_method(class, "initialize_copy", rb_sample_initialize_copy, 1);
	rb_define_method(class, "refresh", rb_sample_refresh, 0);
	rb_define_method(class, "close", rb_sample_close, 0);
	rb_define_method(class, "closed?", rb_sample_closed, 0);
	rb_define_method(class, "live", rb_sample_live, 0);
	rb_define_method(class, "kept", rb_sample_kept, 0);
	rb_define_method(class, "[]", rb_sample_aref, 1);
	rb_define_method(class, "to_h", rb_sample_to_h, 0);
#define FIGURE(name, unit, kind, definition) rb_define_method(class, #name, rb_sample_##name, 0);
#include "figures.def"
#undef FIGURE
}
