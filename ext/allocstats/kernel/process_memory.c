#include "process_memory.h"
#include "mappings.h"
#include "private_heap.h"

#include <string.h>

static void sum_up(const struct mappings *mappings, struct process_memory *out) {
	out->mapped = mapping_figures_zero;
	out->mappings = mappings->count;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		mapping_figures_add(&out->mapped, &mapping->figures);
		if (mapping->traits & MAPPING_NAMED) out->known_kinds |= 1u << mapping->kind;
	}
}

/*
 * The mapping that holds a block of the private heap is the private heap's: it asks for no huge pages, so the kernel
 * keeps its mappings apart from those beside it. Where it does not ask (another allocator than mimalloc), nothing is
 * told.
 */
static void own_private_heap(
	const struct mappings *mappings, const void *block, struct owned_ranges *owned, struct process_memory *out) {
	const struct mapping *mapping = mappings_find(mappings, (uint64_t)(uintptr_t)block);
	if (!mapping || !(mapping->traits & MAPPING_NAMELESS) || !(mapping->traits & MAPPING_NO_HUGE)) return;
	owned_ranges_add(owned, mapping->start, mapping->end, MAPPING_KIND_private_heap);
	out->known_kinds |= 1u << MAPPING_KIND_private_heap;
}

static uint64_t extent(const struct owned_ranges *owned) {
	uint64_t bytes = 0;
	for (size_t i = 0; i < owned->count; i++) bytes += owned->items[i].end - owned->items[i].start;
	return bytes;
}

/* Those that Ruby has named, and those that are found by what these look like. */
static void own_ruby_heap(const struct mappings *mappings, struct ruby_heap *heap, struct process_memory *out) {
	struct owned_ranges found = {0};
	owned_ranges_settle(&heap->pages);
	out->ruby_pages_known = ruby_pages_own_ranges(mappings, heap, &found);
	owned_ranges_settle(&found);
	owned_ranges_add_weaker(&heap->pages, &found);
	if (found.incomplete) heap->pages.incomplete = true;
	owned_ranges_free(&found);
	if (heap->page_bytes > 0) out->ruby_pages = extent(&heap->pages) / heap->page_bytes;
	out->transient_heap_known = transient_heap_own_range(mappings, heap->in_transient_heap, &heap->pages);
}

/* Finds who holds what. malloc owns more weakly: where Ruby's pages are blocks of malloc, they are Ruby's. */
static void own_all(const struct mappings *mappings, const void *block, struct process_memory_request *request,
	struct process_memory *out) {
	struct owned_ranges *owned = &request->ruby_heap.pages, heaps = {0};
	own_ruby_heap(mappings, &request->ruby_heap, out);
	stacks_own_ranges(mappings, owned, &out->stacks);
	own_private_heap(mappings, mappings->items, owned, out); /* a large table has a mapping of its own */
	own_private_heap(mappings, block, owned, out);
	owned_ranges_settle(owned);
	if (request->find_heaps) out->heaps = request->find_heaps(mappings, owned, &heaps);
	owned_ranges_settle(&heaps);
	owned_ranges_add_weaker(owned, &heaps);
	if (owned->incomplete || heaps.incomplete) out->smaps = (struct reading){.status = STATUS_NO_MEMORY};
	owned_ranges_free(&heaps);
}

void process_memory_read(struct process_memory_request *request, struct process_memory *out) {
	struct mappings mappings;
	bool real = request->root[0] == '\0' && strcmp(request->process, PROC_SELF) == 0;
	void *block = private_alloc(PRIVATE_readings, 1);

	*out = (struct process_memory){0};
	out->rollup.status = STATUS_UNSUPPORTED;
	if (!request->without_rollup) out->rollup = smaps_rollup_read(request->root, request->process, &out->whole);
	out->smaps = smaps_read(request->root, request->process, &mappings);
	if (out->smaps.status == STATUS_OK) {
		mappings_classify(&mappings, real && request->brk_is_malloc);
		sum_up(&mappings, out);
		if (real) own_all(&mappings, block, request, out);
		for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++) out->kinds[i] = mapping_figures_zero;
		residency_divide(&mappings, &request->ruby_heap.pages, residency_count, out->kinds);
	}
	private_free(PRIVATE_readings, block);
	mappings_free(&mappings);
	owned_ranges_free(&request->ruby_heap.pages);
}

struct reading machine_memory_read(const char *root, uint64_t *bytes) {
	struct line_reader reader;
	const char *line;
	bool found = false;

	line_reader_open(&reader, root, "/proc", "meminfo");
	while (!found && (line = line_reader_next(&reader))) {
		const char *rest = text_after(line, "MemTotal:");
		if (rest && !(found = parse_kilobytes(rest, bytes))) line_reader_malformed(&reader);
	}
	struct reading reading = line_reader_close(&reader);
	if (!found && reading.status == STATUS_OK) reading.status = STATUS_MALFORMED;
	return reading;
}
