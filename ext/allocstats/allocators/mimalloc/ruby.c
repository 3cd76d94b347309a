/*
 * AllocStats::Allocators::Mimalloc: what MiOption and mi_process_info are made of. All of it keeps the GVL: loads,
 * stores and, for the process's figures, some system calls.
 */
#include "mi_options.h"
#include "mi_process_info.h"
#include "ruby/rb_allocstats.h"
#include "version.h"

static VALUE span_to_ruby(const struct mi_option_span *span) {
	return rb_ary_new_from_args(3, INT2NUM(span->number), INT2NUM(span->first), INT2NUM(span->last));
}

static VALUE description_to_ruby(const struct mi_option_description *option) {
	VALUE spans = rb_ary_new();
	for (size_t i = 0; i < MI_OPTION_MOST_SPANS && option->spans[i].first; i++)
		rb_ary_push(spans, span_to_ruby(&option->spans[i]));
	return rb_ary_new_from_args(7, symbol(option->name), symbol(option->unit), symbol(option->kind),
		LONG2NUM(option->least), LONG2NUM(option->most), rb_str_new_cstr(option->definition), spans);
}

/* Mimalloc.option_descriptions => [[name, unit, kind, least, most, definition, [[number, first, last], ...]], ...] */
static VALUE option_descriptions(VALUE self) {
	(void)self;
	VALUE list = rb_ary_new();
	for (size_t i = 0; i < mi_option_description_count; i++)
		rb_ary_push(list, description_to_ruby(&mi_option_descriptions[i]));
	return list;
}

/* Mimalloc.numbering => {name: number, ...} of the running version, nil where it is not known */
static VALUE numbering(VALUE self) {
	(void)self;
	const struct mi_option_numbering *running = mi_option_numbering();
	if (!running) return Qnil;
	VALUE hash = rb_hash_new();
	for (size_t i = 0; i < running->count; i++)
		if (*running->names[i]) rb_hash_aset(hash, symbol(running->names[i]), SIZET2NUM(i));
	return hash;
}

/* Mimalloc.numbering_printed? => whether the running library told its numbering itself */
static VALUE numbering_printed(VALUE self) {
	(void)self;
	const struct mi_option_numbering *running = mi_option_numbering();
	return boolean(running && running->printed);
}

/* Mimalloc.read_option(number) => Integer */
static VALUE read_option(VALUE self, VALUE number) {
	(void)self;
	long value = 0;
	raise_unless_ok(mi_option_read(NUM2INT(number), &value), "a mimalloc option of this number");
	return LONG2NUM(value);
}

/* Mimalloc.write_option(number, value) => the value before, Integer */
static VALUE write_option(VALUE self, VALUE number, VALUE value) {
	(void)self;
	long before = 0;
	raise_unless_ok(mi_option_write(NUM2INT(number), NUM2LONG(value), &before), "this mimalloc option");
	return LONG2NUM(before);
}

/* Mimalloc.process_info => {elapsed_ms: Integer, ...} */
static VALUE process_info(VALUE self) {
	(void)self;
	struct mi_process_info info;
	raise_unless_ok(mi_process_info_read(&info), "mi_process_info");
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("elapsed_ms"), SIZET2NUM(info.elapsed_ms));
	rb_hash_aset(hash, symbol("user_ms"), SIZET2NUM(info.user_ms));
	rb_hash_aset(hash, symbol("system_ms"), SIZET2NUM(info.system_ms));
	rb_hash_aset(hash, symbol("peak_rss"), SIZET2NUM(info.peak_rss));
	rb_hash_aset(hash, symbol("committed"), SIZET2NUM(info.committed));
	rb_hash_aset(hash, symbol("peak_committed"), SIZET2NUM(info.peak_committed));
	rb_hash_aset(hash, symbol("page_faults"), SIZET2NUM(info.page_faults));
	return hash;
}

/* Mimalloc.plain_version(209) => 20009 */
static VALUE plain_version(VALUE self, VALUE number) {
	(void)self;
	return INT2NUM(mimalloc_plain_version(NUM2INT(number)));
}

void init_mimalloc(VALUE room) {
	rb_define_singleton_method(room, "option_descriptions", option_descriptions, 0);
	rb_define_singleton_method(room, "numbering", numbering, 0);
	rb_define_singleton_method(room, "numbering_printed?", numbering_printed, 0);
	rb_define_singleton_method(room, "read_option", read_option, 1);
	rb_define_singleton_method(room, "write_option", write_option, 2);
	rb_define_singleton_method(room, "process_info", process_info, 0);
	rb_define_singleton_method(room, "plain_version", plain_version, 1);
}
