/*
 * What Ruby's own heap holds, by GC.stat and, where its slots are of several sizes, GC.stat_heap: without an object,
 * since a sample asks for it. Rubies differ in what they count for each size:
 *
 *   3.1 and before   one size
 *   3.2              slots and their size, and objects in all: as if every size were equally full
 *   3.3              objects that came and went
 *   3.4 and later    live slots
 *
 * A Ruby, or a garbage collector in its place, that counts none of this leaves the figures absent.
 */
#include "rb_ruby_heap.h"
#include "rb_allocstats.h"

#include <string.h>

enum { MOST_SIZES = 16 };

enum counting { NOTHING, ONE_SIZE, MEAN_SIZE, CAME_AND_WENT, LIVE_SLOTS };

static struct {
	VALUE pages, live;                    /* keys of GC.stat; nil on a Ruby that has not this key */
	VALUE eden, came, went, live_of_size; /* keys of GC.stat_heap */
	ID stat_heap;
	enum counting counting;
	uint64_t page_bytes;
	unsigned sizes;
	uint64_t slot_bytes[MOST_SIZES];
} heap;

static uint64_t of_size(unsigned size, VALUE key) {
	return NUM2ULL(rb_funcall(rb_mGC, heap.stat_heap, 2, UINT2NUM(size), key));
}

static uint64_t live_bytes(void) {
	uint64_t bytes = 0, slots = 0;
	for (unsigned i = 0; i < heap.sizes; i++) {
		switch (heap.counting) {
		case CAME_AND_WENT:
			bytes += heap.slot_bytes[i] * (of_size(i, heap.came) - of_size(i, heap.went));
			break;
		case LIVE_SLOTS:
			bytes += heap.slot_bytes[i] * of_size(i, heap.live_of_size);
			break;
		case MEAN_SIZE: {
			uint64_t count = of_size(i, heap.eden);
			slots += count;
			bytes += heap.slot_bytes[i] * count;
			break;
		}
		default:
			return heap.slot_bytes[0] * rb_gc_stat(heap.live);
		}
	}
	if (heap.counting != MEAN_SIZE) return bytes;
	return slots ? (uint64_t)((double)bytes / (double)slots * (double)rb_gc_stat(heap.live)) : 0;
}

void rb_read_ruby_heap(struct sample *sample) {
	if (NIL_P(heap.pages)) return;
	uint64_t pages = rb_gc_stat(heap.pages);
	sample_set(sample, FIGURE_ruby_heap_pages, pages);
	if (heap.page_bytes) sample_set(sample, FIGURE_ruby_heap, pages * heap.page_bytes);
	if (heap.counting != NOTHING) sample_set(sample, FIGURE_ruby_heap_live, live_bytes());
}

/* The key, or nil where the Hash has no number under it. */
static VALUE key_of(VALUE hash, const char *name) {
	VALUE key = symbol(name);
	return RB_TYPE_P(hash, T_HASH) && RB_INTEGER_TYPE_P(rb_hash_lookup(hash, key)) ? key : Qnil;
}

/* GC::INTERNAL_CONSTANTS and GC::OPTS are what a Ruby tells of how it was built; 0 where it does not. */
static uint64_t built_in(const char *name) {
	VALUE constants = rb_const_get(rb_mGC, rb_intern("INTERNAL_CONSTANTS"));
	VALUE key = key_of(constants, name);
	return NIL_P(key) ? 0 : NUM2ULL(rb_hash_lookup(constants, key));
}

static enum counting find_several_sizes(void) {
	VALUE all = rb_funcall(rb_mGC, heap.stat_heap, 0), smallest, size_key;
	if (!RB_TYPE_P(all, T_HASH) || RHASH_SIZE(all) == 0 || RHASH_SIZE(all) > MOST_SIZES) return NOTHING;
	smallest = rb_hash_lookup(all, INT2FIX(0));
	size_key = key_of(smallest, "slot_size");
	if (NIL_P(size_key)) return NOTHING;
	heap.sizes = (unsigned)RHASH_SIZE(all);
	for (unsigned i = 0; i < heap.sizes; i++) heap.slot_bytes[i] = of_size(i, size_key);
	heap.live_of_size = key_of(smallest, "heap_live_slots");
	heap.came = key_of(smallest, "total_allocated_objects");
	heap.went = key_of(smallest, "total_freed_objects");
	heap.eden = key_of(smallest, "heap_eden_slots");
	if (!NIL_P(heap.live_of_size)) return LIVE_SLOTS;
	if (!NIL_P(heap.came) && !NIL_P(heap.went)) return CAME_AND_WENT;
	return NIL_P(heap.eden) || NIL_P(heap.live) ? NOTHING : MEAN_SIZE;
}

static enum counting find_counting(void) {
	heap.stat_heap = rb_intern("stat_heap");
	if (rb_respond_to(rb_mGC, heap.stat_heap)) return find_several_sizes();
	heap.sizes = 1;
	heap.slot_bytes[0] = built_in("RVALUE_SIZE");
	return NIL_P(heap.live) || heap.slot_bytes[0] == 0 ? NOTHING : ONE_SIZE;
}

void init_ruby_heap(VALUE module) {
	(void)module;
	VALUE stat = rb_funcall(rb_mGC, rb_intern("stat"), 0);
	heap.pages = key_of(stat, "heap_allocated_pages");
	heap.live = key_of(stat, "heap_live_slots");
	heap.page_bytes = built_in("HEAP_PAGE_SIZE");
	heap.counting = find_counting();
}
