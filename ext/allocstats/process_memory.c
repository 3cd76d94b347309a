#include "process_memory.h"
#include "mappings.h"
#include "residency_glibc.h"

static void sum_up(const struct mappings *mappings, struct process_memory *out) {
	out->mapped = mapping_figures_zero;
	out->mappings = mappings->count;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		mapping_figures_add(&out->mapped, &mapping->figures);
		if (mapping->traits & MAPPING_NAMED) out->named_kinds |= 1u << mapping->kind;
	}
}

/* Finds who holds what. The malloc's ranges are the weaker claim: where Ruby's pages are its blocks, they are Ruby's. */
static void claim(const struct mappings *mappings, struct process_memory_request *request, struct process_memory *out) {
	struct claims *claims = &request->ruby_heap, heaps = {0};
	stacks_claim(mappings, claims, &out->stacks);
	claims_settle(claims);
	if (request->malloc_is_glibc) out->glibc = glibc_claim(mappings, claims, &heaps);
	claims_settle(&heaps);
	claims_add_weaker(claims, &heaps);
	if (claims->incomplete || heaps.incomplete) out->smaps = (struct reading){.status = STATUS_NO_MEMORY};
	claims_free(&heaps);
}

void process_memory_read(struct process_memory_request *request, struct process_memory *out) {
	struct mappings mappings;
	bool real = request->root[0] == '\0';

	*out = (struct process_memory){0};
	out->rollup = smaps_rollup_read(request->root, &out->whole);
	out->smaps = smaps_read(request->root, &mappings);
	if (out->smaps.status == STATUS_OK) {
		mappings_classify(&mappings, real && request->malloc_is_glibc);
		sum_up(&mappings, out);
		if (real) claim(&mappings, request, out);
		for (unsigned i = 0; i < MAPPING_KIND_COUNT; i++) out->kinds[i] = mapping_figures_zero;
		residency_divide(&mappings, &request->ruby_heap, residency_count, out->kinds);
	}
	mappings_free(&mappings);
	claims_free(&request->ruby_heap);
}

struct reading machine_memory_read(const char *root, uint64_t *bytes) {
	struct line_reader reader;
	const char *line;
	bool found = false;

	line_reader_open(&reader, root, "/proc/meminfo");
	while (!found && (line = line_reader_next(&reader))) {
		const char *rest = text_after(line, "MemTotal:");
		if (rest && !(found = parse_kilobytes(rest, bytes))) line_reader_malformed(&reader);
	}
	struct reading reading = line_reader_close(&reader);
	if (!found && reading.status == STATUS_OK) reading.status = STATUS_MALFORMED;
	return reading;
}
