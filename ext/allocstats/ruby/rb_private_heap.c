/* AllocStats::PrivateHeap.facts: what lib/allocstats/private_heap.rb builds its value object from. */
#include "private_heap.h"
#include "rb_allocstats.h"

static const struct {
	const char *name, *definition;
} purposes[PRIVATE_PURPOSE_COUNT] = {
#define PRIVATE_PURPOSE(name, definition) {#name, definition},
#include "private_purposes.def"
#undef PRIVATE_PURPOSE
};

/* => {allocator: String, version: String, held: {purpose: bytes}}. Holds the GVL for some microseconds. */
static VALUE private_heap_facts(VALUE self) {
	(void)self;
	VALUE facts = rb_hash_new(), held = rb_hash_new();
	rb_hash_aset(facts, symbol("allocator"), rb_str_new_cstr(private_heap_allocator()));
	rb_hash_aset(facts, symbol("version"), rb_str_new_cstr(private_heap_version()));
	for (int i = 0; i < PRIVATE_PURPOSE_COUNT; i++)
		rb_hash_aset(held, symbol(purposes[i].name), ULL2NUM(private_held((enum private_purpose)i)));
	rb_hash_aset(facts, symbol("held"), held);
	return facts;
}

/* => {purpose: "what it is for"} */
static VALUE private_heap_purposes(VALUE self) {
	(void)self;
	VALUE hash = rb_hash_new();
	for (int i = 0; i < PRIVATE_PURPOSE_COUNT; i++)
		rb_hash_aset(hash, symbol(purposes[i].name), rb_str_new_cstr(purposes[i].definition));
	return hash;
}

static VALUE rb_private_heap_purge(VALUE self) {
	private_heap_purge();
	return self;
}

void init_private_heap(VALUE module) {
	VALUE class = rb_define_class_under(module, "PrivateHeap", rb_cObject);
	rb_define_singleton_method(class, "facts", private_heap_facts, 0);
	rb_define_singleton_method(class, "purge", rb_private_heap_purge, 0);
	rb_define_singleton_method(class, "purposes", private_heap_purposes, 0);
}
