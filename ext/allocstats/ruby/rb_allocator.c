/*
 * AllocStats::Allocators: which allocators there are and which one runs. AllocStats::Allocator: the evidence of who
 * owns malloc, as numbers and names, which lib/allocstats/allocator.rb judges.
 */
#include "allocator.h"
#include "ownership.h"
#include "rb_allocstats.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/auxv.h>

static VALUE names_of(uint32_t carries) {
	VALUE names = rb_ary_new();
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		if (carries >> i & 1) rb_ary_push(names, symbol(allocators[i]->name));
	return names;
}

/* => {path:, main_program:, libc:, carries: [Symbol]} */
static VALUE object_to_ruby(const struct loaded_object *object) {
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("path"), rb_filesystem_str_new_cstr(object->path));
	rb_hash_aset(hash, symbol("main_program"), boolean(object->main_program));
	rb_hash_aset(hash, symbol("libc"), boolean(object->libc));
	rb_hash_aset(hash, symbol("carries"), names_of(object->carries));
	return hash;
}

static VALUE ownership_to_ruby(VALUE data) {
	const struct ownership *ownership = (const struct ownership *)data;
	VALUE hash = rb_hash_new(), objects = rb_ary_new(), functions = rb_hash_new();
	for (size_t i = 0; i < ownership->object_count; i++)
		rb_ary_push(objects, object_to_ruby(&ownership->objects[i]));
	for (size_t i = 0; i < OWNED_FUNCTION_COUNT; i++) {
		int owner = ownership->owner[i];
		rb_hash_aset(functions, symbol(owned_function_names[i]), owner < 0 ? Qnil : INT2NUM(owner));
	}
	rb_hash_aset(hash, symbol("objects"), objects);
	rb_hash_aset(hash, symbol("functions"), functions);
	return hash;
}

static VALUE free_ownership(VALUE data) {
	ownership_free((struct ownership *)data);
	return Qnil;
}

static void add_name(const char *name, void *names) {
	rb_ary_push((VALUE)names, rb_filesystem_str_new_cstr(name));
}

/* => names of all loaded objects in search order, "" for the main program */
static VALUE allocator_loaded(VALUE self) {
	(void)self;
	VALUE names = rb_ary_new();
	raise_unless_ok(ownership_each_loaded(add_name, (void *)names), "the list of loaded objects");
	return names;
}

/* => {objects: [...], functions: {malloc: index of an object or nil, ...}} */
static VALUE allocator_ownership(VALUE self) {
	(void)self;
	struct ownership ownership;
	enum status status = ownership_read(&ownership);
	if (status != STATUS_OK) ownership_free(&ownership);
	raise_unless_ok(status, "the owner of malloc");
	return rb_ensure(ownership_to_ruby, (VALUE)&ownership, free_ownership, (VALUE)&ownership);
}

static void *take_from_ruby(size_t bytes) {
	return ruby_xmalloc(bytes);
}

static void give_back_to_ruby(void *block) {
	ruby_xfree(block);
}

/* => :confirmed, :refuted or nil: whether a block that Ruby itself takes comes out of the allocator that was bound */
static VALUE allocator_proof(VALUE self) {
	(void)self;
	const struct allocator *allocator = allocator_current();
	enum proof proof = allocator->prove ? allocator->prove(take_from_ruby, give_back_to_ruby) : PROOF_NONE;
	switch (proof) {
	case PROOF_CONFIRMED:
		return symbol("confirmed");
	case PROOF_REFUTED:
		return symbol("refuted");
	case PROOF_NONE:
		break;
	}
	return Qnil;
}

static VALUE allocators_name(VALUE self) {
	(void)self;
	return symbol(allocator_current()->name);
}

static VALUE allocators_version(VALUE self) {
	char version[64];
	(void)self;
	const struct allocator *allocator = allocator_current();
	return allocator->version && allocator->version(version, sizeof version) ? rb_str_new_cstr(version) : Qnil;
}

static VALUE capabilities_of(const struct allocator *allocator) {
	VALUE list = rb_ary_new();
	if (allocator->sample) rb_ary_push(list, symbol("sample"));
	if (allocator->stats_dump) rb_ary_push(list, symbol("census"));
	if (allocator->thread_bytes) rb_ary_push(list, symbol("measure"));
	if (allocator->purge) rb_ary_push(list, symbol("purge"));
	if (allocator->purge_thread) rb_ary_push(list, symbol("purge_thread"));
	return list;
}

/* => {name: the contract's slots that it fills} of all allocators */
static VALUE allocators_capabilities(VALUE self) {
	(void)self;
	VALUE hash = rb_hash_new();
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		rb_hash_aset(hash, symbol(allocators[i]->name), capabilities_of(allocators[i]));
	return hash;
}

/* => {name: the function that only it exports}, of those that have one */
static VALUE allocators_marks(VALUE self) {
	(void)self;
	VALUE hash = rb_hash_new();
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		if (allocators[i]->mark)
			rb_hash_aset(hash, symbol(allocators[i]->name), rb_str_new_cstr(allocators[i]->mark));
	return hash;
}

/* => the path of the object that owns malloc; nil where none was found */
static VALUE allocators_owner_path(VALUE self) {
	(void)self;
	const struct loaded_object *owner = allocator_owner();
	return owner ? rb_filesystem_str_new_cstr(owner->path) : Qnil;
}

/* => true in a process that gained rights when it was started, for which the linker drops LD_PRELOAD (ld.so(8)) */
static VALUE allocators_secure_execution(VALUE self) {
	(void)self;
	return boolean(getauxval(AT_SECURE) != 0);
}

/* => the names in allocators.def */
static VALUE allocators_known(VALUE self) {
	(void)self;
	return names_of(UINT32_MAX);
}

VALUE allocator_room(VALUE module, const char *name) {
	char constant[32];
	snprintf(constant, sizeof constant, "%c%s", toupper((unsigned char)*name), name + 1);
	return rb_define_module_under(rb_define_module_under(module, "Allocators"), constant);
}

void init_allocator(VALUE module) {
	VALUE all = rb_define_module_under(module, "Allocators");
	rb_define_singleton_method(all, "bound_name", allocators_name, 0);
	rb_define_singleton_method(all, "bound_version", allocators_version, 0);
	rb_define_singleton_method(all, "owner_path", allocators_owner_path, 0);
	rb_define_singleton_method(all, "capabilities", allocators_capabilities, 0);
	rb_define_singleton_method(all, "marks", allocators_marks, 0);
	rb_define_singleton_method(all, "secure_execution?", allocators_secure_execution, 0);
	rb_define_singleton_method(all, "known", allocators_known, 0);

	VALUE class = rb_define_class_under(module, "Allocator", rb_cObject);
	rb_define_singleton_method(class, "ownership", allocator_ownership, 0);
	rb_define_singleton_method(class, "loaded_objects", allocator_loaded, 0);
	rb_define_singleton_method(class, "proof", allocator_proof, 0);
}
