/*
 * AllocStats::ProcessMemory.scan: what lib/allocstats/process_memory.rb builds its value object from. Only the ranges
 * of Ruby's heap are collected with the GVL; everything that waits for the kernel runs without it.
 */
#include "allocator.h"
#include "kernel/process_memory.h"
#include "private_heap.h"
#include "rb_allocstats.h"
#include "rb_cgroup.h"
#include "rb_reading.h"

#include <ruby/thread.h>
#include <string.h>
#include <unistd.h>

/*
 * Ruby exports this for its own extensions and declares it nowhere, so it is used where it is. It calls back for each
 * page of slots and leaves a garbage collection that is under way alone. Rubies from 3.4 on have it no more, and their
 * other walk finishes the collection first, which takes some 100 ms with three million objects: there the pages are
 * found in the memory itself (kernel/residency_ruby.h).
 */
typedef int visit_page(void *first_slot, void *end, size_t stride, void *data);
void rb_objspace_each_objects_without_setup(visit_page *visit, void *data) __attribute__((weak));

struct scan {
	struct process_memory_request request;
	struct process_memory memory;
	uint64_t named_pages;  /* how often Ruby named one */
	bool walked;           /* it named all that hold a slot in use */
	struct cgroup *cgroup; /* NULL: the limits are not to be read */
	struct reading machine;
	uint64_t machine_bytes;
};

/* With the GVL, from inside the garbage collector's own walk: takes no Ruby object and nothing from malloc. */
static int own_heap_page(void *first_slot, void *end, size_t stride, void *data) {
	(void)end, (void)stride;
	struct scan *scan = data;
	uint64_t bytes = scan->request.ruby_heap.page_bytes, page = (uint64_t)(uintptr_t)first_slot & ~(bytes - 1);
	owned_ranges_add(&scan->request.ruby_heap.pages, page, page + bytes, MAPPING_KIND_ruby_heap);
	scan->named_pages++;
	return 0;
}

/* The walk is not made for other Ractors running beside it. */
static bool is_sole_ractor(void) {
	return NUM2INT(rb_funcall(rb_const_get(rb_cObject, rb_intern("Ractor")), rb_intern("count"), 0)) == 1;
}

static void name_page_of(struct scan *scan, VALUE object) {
	if (!RB_SPECIAL_CONST_P(object)) own_heap_page((void *)object, NULL, 0, scan);
}

/* A few pages of slots of each size, by objects that lie in them: enough to know the others by. */
static void name_some_pages(struct scan *scan) {
	const VALUE old[] = {rb_mKernel, rb_cObject, rb_cString, rb_cArray, rb_cHash, rb_cIO, rb_cProc, rb_cTime,
		rb_eStandardError, rb_eNoMemError, rb_eSystemCallError, rb_stdout};
	for (size_t i = 0; i < sizeof old / sizeof *old; i++) name_page_of(scan, old[i]);
	for (long bytes = 8; bytes <= 600; bytes += bytes) {
		VALUE young = rb_str_buf_new(bytes);
		name_page_of(scan, young);
		RB_GC_GUARD(young);
	}
}

static uint64_t gc_count(const char *name) {
	VALUE stat = rb_funcall(rb_mGC, rb_intern("stat"), 0), count = rb_hash_lookup(stat, symbol(name));
	return RB_INTEGER_TYPE_P(count) ? NUM2ULL(count) : 0;
}

/* An array that is young and small has its elements in the transient heap, unless that is full. */
static uint64_t address_in_transient_heap(void) {
#ifdef RARRAY_TRANSIENT_FLAG
	VALUE array = rb_ary_new_capa(16);
	uint64_t address = RARRAY_TRANSIENT_P(array) ? (uint64_t)(uintptr_t)RARRAY_CONST_PTR_TRANSIENT(array) : 0;
	RB_GC_GUARD(array);
	return address;
#else
	return 0;
#endif
}

/* Where a page of the machine is larger than one of Ruby's, both are blocks of malloc, and malloc's. */
static void own_ruby_heap(struct scan *scan) {
	struct ruby_heap *heap = &scan->request.ruby_heap;
	if (heap->page_bytes == 0) return;
	scan->walked = rb_objspace_each_objects_without_setup && is_sole_ractor();
	if (scan->walked)
		rb_objspace_each_objects_without_setup(own_heap_page, scan);
	else
		name_some_pages(scan);
	uint64_t pages = gc_count("heap_allocated_pages");
	heap->unnamed = scan->walked && pages > scan->named_pages ? pages - scan->named_pages
			: scan->walked                            ? 0
								  : pages;
	if ((uint64_t)sysconf(_SC_PAGESIZE) <= heap->page_bytes) heap->in_transient_heap = address_in_transient_heap();
}

/* Whether, or why not, the pages of Ruby's heap are known. */
static const char *ruby_heap_status(const struct scan *scan) {
	if (scan->request.ruby_heap.page_bytes == 0) return "unasked";
	if (scan->walked || scan->memory.ruby_pages_known) return "ok";
	return is_sole_ractor() ? "unfound" : "ractors";
}

/* Without the GVL, all in one go: beside busy threads, coming back to the GVL takes far longer than the reading. */
static void *read_memory(void *data) {
	struct scan *scan = data;
	process_memory_read(&scan->request, &scan->memory);
	if (scan->cgroup) {
		cgroup_read(scan->request.root, scan->request.process, scan->cgroup);
		scan->machine = machine_memory_read(scan->request.root, &scan->machine_bytes);
	}
	return NULL;
}

static VALUE figures_to_ruby(const struct mapping_figures *figures) {
	VALUE hash = rb_hash_new();
	for (unsigned i = 0; i < MAPPING_FIGURE_COUNT; i++) {
		bool present = figures->present >> i & 1;
		rb_hash_aset(
			hash, symbol(mapping_figure_descriptions[i].name), present ? ULL2NUM(figures->value[i]) : Qnil);
	}
	return hash;
}

static VALUE kinds_to_ruby(const struct process_memory *memory) {
	VALUE hash = rb_hash_new();
	for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++)
		rb_hash_aset(hash, symbol(mapping_kind_descriptions[i].name), figures_to_ruby(&memory->kinds[i]));
	return hash;
}

static VALUE known_kinds_to_ruby(const struct process_memory *memory) {
	VALUE array = rb_ary_new();
	for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++) {
		if (memory->known_kinds >> i & 1) rb_ary_push(array, symbol(mapping_kind_descriptions[i].name));
	}
	return array;
}

static void add_limits(const struct scan *scan, VALUE hash) {
	bool known = scan->machine.status == STATUS_OK;
	rb_hash_aset(hash, symbol("cgroup"), cgroup_to_ruby(scan->cgroup));
	rb_hash_aset(hash, symbol("machine"), reading_to_ruby(&scan->machine));
	rb_hash_aset(hash, symbol("machine_memory"), known ? ULL2NUM(scan->machine_bytes) : Qnil);
}

static const char *transient_heap_status(const struct scan *scan) {
#ifdef RARRAY_TRANSIENT_FLAG
	return scan->memory.transient_heap_known ? "ok" : "unfound";
#else
	(void)scan;
	return "none"; /* from Ruby 3.3 on */
#endif
}

static VALUE scan_to_ruby(const struct scan *scan) {
	const struct process_memory *memory = &scan->memory;
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("rollup"), reading_to_ruby(&memory->rollup));
	rb_hash_aset(hash, symbol("smaps"), reading_to_ruby(&memory->smaps));
	rb_hash_aset(hash, symbol("whole"), figures_to_ruby(&memory->whole));
	rb_hash_aset(hash, symbol("mapped"), figures_to_ruby(&memory->mapped));
	rb_hash_aset(hash, symbol("mappings"), ULL2NUM(memory->mappings));
	rb_hash_aset(hash, symbol("kinds"), kinds_to_ruby(memory));
	rb_hash_aset(hash, symbol("known_kinds"), known_kinds_to_ruby(memory));
	rb_hash_aset(hash, symbol("stacks"), reading_to_ruby(&memory->stacks.reading));
	rb_hash_aset(hash, symbol("threads"), UINT2NUM(memory->stacks.threads));
	rb_hash_aset(hash, symbol("unknown_stacks"), UINT2NUM(memory->stacks.unknown));
	rb_hash_aset(hash, symbol("heaps_looked_for"), boolean(scan->request.find_heaps != NULL));
	rb_hash_aset(hash, symbol("heaps"), reading_to_ruby(&memory->heaps));
	rb_hash_aset(hash, symbol("ruby_heap"), symbol(ruby_heap_status(scan)));
	rb_hash_aset(hash, symbol("transient_heap"), symbol(transient_heap_status(scan)));
	rb_hash_aset(hash, symbol("ruby_heap_pages"), ULL2NUM(memory->ruby_pages));
	if (scan->cgroup) add_limits(scan, hash);
	return hash;
}

static VALUE run_scan(VALUE data) {
	struct scan *scan = (struct scan *)data;
	own_ruby_heap(scan);
	rb_thread_call_without_gvl(read_memory, scan, NULL, NULL);
	return scan_to_ruby(scan);
}

/* An exception that another thread sent can arrive before the reading has taken the ranges over. */
static VALUE free_scan(VALUE data) {
	struct scan *scan = (struct scan *)data;
	owned_ranges_free(&scan->request.ruby_heap.pages);
	private_free(PRIVATE_readings, scan->cgroup);
	return Qnil;
}

/*
 * call-seq: scan(root, heap_page_bytes, whole, process = "/proc/self") -> Hash, or nil without memory
 *
 * root is "" or a made tree's folder, heap_page_bytes the size of Ruby's heap pages, a power of two, or 0 for leaving
 * them aside; whole is whether to read smaps_rollup, the control group and the machine's memory as well; process is the
 * folder of the process below root.
 */
static VALUE process_memory_scan(int argc, VALUE *argv, VALUE self) {
	VALUE root, heap_page_bytes, whole, process;
	(void)self;
	rb_scan_args(argc, argv, "31", &root, &heap_page_bytes, &whole, &process);
	struct scan scan = {
		.request = {.root = StringValueCStr(root),
			.process = NIL_P(process) ? PROC_SELF : StringValueCStr(process),
			.ruby_heap = {.page_bytes = NUM2ULL(heap_page_bytes)}},
	};
	bool real = scan.request.root[0] == '\0' && strcmp(scan.request.process, PROC_SELF) == 0;
	if (real) {
		scan.request.find_heaps = allocator_current()->find_heaps;
		scan.request.brk_is_malloc = allocator_current()->takes_brk;
	}
	scan.request.without_rollup = !RTEST(whole);
	if (RTEST(whole)) {
		scan.cgroup = private_alloc(PRIVATE_readings, sizeof *scan.cgroup);
		if (!scan.cgroup) return Qnil;
	}
	VALUE hash = rb_ensure(run_scan, (VALUE)&scan, free_scan, (VALUE)&scan);
	RB_GC_GUARD(root);
	RB_GC_GUARD(process);
	return hash;
}

struct rollup {
	const char *process;
	struct mapping_figures figures;
	struct reading reading;
};

/* Without the GVL. */
static void *read_rollup(void *data) {
	struct rollup *rollup = data;
	rollup->reading = smaps_rollup_read("", rollup->process, &rollup->figures);
	return NULL;
}

/* call-seq: rollup(process) -> [{figure: bytes or nil}, reading], of smaps_rollup alone; process is "/proc/self", ...
 */
static VALUE process_memory_rollup(VALUE self, VALUE process) {
	(void)self;
	struct rollup rollup = {.process = StringValueCStr(process)};
	rb_thread_call_without_gvl(read_rollup, &rollup, NULL, NULL);
	RB_GC_GUARD(process);
	return rb_assoc_new(figures_to_ruby(&rollup.figures), reading_to_ruby(&rollup.reading));
}

/* => [[name, field, definition], ...] */
static VALUE descriptions_to_ruby(const struct mapping_description *descriptions, unsigned count) {
	VALUE array = rb_ary_new();
	for (unsigned i = 0; i < count; i++) {
		const char *field = descriptions[i].field;
		rb_ary_push(array,
			rb_ary_new_from_args(3, symbol(descriptions[i].name), field ? rb_str_new_cstr(field) : Qnil,
				rb_str_new_cstr(descriptions[i].definition)));
	}
	return array;
}

static VALUE process_memory_figure_list(VALUE self) {
	(void)self;
	return descriptions_to_ruby(mapping_figure_descriptions, MAPPING_FIGURE_COUNT);
}

static VALUE process_memory_kind_list(VALUE self) {
	(void)self;
	return descriptions_to_ruby(mapping_kind_descriptions, MAPPING_KIND_COUNT);
}

void init_process_memory(VALUE module) {
	VALUE class = rb_define_class_under(module, "ProcessMemory", rb_cObject);
	rb_define_singleton_method(class, "scan", process_memory_scan, -1);
	rb_define_singleton_method(class, "rollup", process_memory_rollup, 1);
	rb_define_singleton_method(class, "figure_list", process_memory_figure_list, 0);
	rb_define_singleton_method(class, "kind_list", process_memory_kind_list, 0);
}
