/*
 * tcmalloc of gperftools, by its C interface (gperftools/malloc_extension_c.h; the properties are described in
 * malloc_extension.h). Properties that sum the thread and central caches take each size class's lock in turn for
 * some nanoseconds; the page heap's are read under one spin lock.
 */
#include "allocator.h"
#include "ownership.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { OWNED_BY_TCMALLOC = 1 }; /* MallocExtension_kOwned */

static struct {
	const char *(*tc_version)(int *major, int *minor, const char **patch);
	int (*property)(const char *name, size_t *value);
	int (*ownership)(const void *block);
	void (*stats)(char *buffer, int length);
	void (*release)(void);
	void (*thread_idle)(void);
} tcmalloc;

static bool bind(const struct loaded_object *owner) {
	BIND(tcmalloc.property, owner, "MallocExtension_GetNumericProperty");
	BIND(tcmalloc.ownership, owner, "MallocExtension_GetOwnership");
	BIND(tcmalloc.stats, owner, "MallocExtension_GetStats");
	BIND(tcmalloc.release, owner, "MallocExtension_ReleaseFreeMemory");
	BIND(tcmalloc.thread_idle, owner, "MallocExtension_MarkThreadIdle");
	BIND(tcmalloc.tc_version, owner, "tc_version");
	return tcmalloc.property != NULL;
}

static bool version(char *out, size_t size) {
	int major, minor;
	const char *patch = "";
	if (!tcmalloc.tc_version) return false;
	tcmalloc.tc_version(&major, &minor, &patch);
	snprintf(out, size, "%d.%d%s", major, minor, patch);
	return true;
}

static enum proof prove(take_block take, give_back_block give_back) {
	if (!tcmalloc.ownership) return PROOF_NONE;
	void *block = take(64);
	if (!block) return PROOF_NONE;
	enum proof proof = tcmalloc.ownership(block) == OWNED_BY_TCMALLOC ? PROOF_CONFIRMED : PROOF_REFUTED;
	give_back(block);
	return proof;
}

static bool property(const char *name, size_t *value) {
	return tcmalloc.property(name, value) != 0;
}

static void sample(struct sample *out) {
	size_t allocated, heap, physical, free_pages, unmapped;
	bool has_allocated = property("generic.current_allocated_bytes", &allocated);
	bool has_heap = property("generic.heap_size", &heap);
	bool has_free = property("tcmalloc.pageheap_free_bytes", &free_pages);
	bool has_unmapped = property("tcmalloc.pageheap_unmapped_bytes", &unmapped);

	if (has_allocated) sample_set(out, FIGURE_allocated, allocated);
	if (has_free) sample_set(out, FIGURE_dirty, free_pages);
	if (has_unmapped) sample_set(out, FIGURE_retained, unmapped);
	if (property("generic.total_physical_bytes", &physical)) sample_set(out, FIGURE_resident, physical);
	if (!has_heap || !has_unmapped || heap < unmapped) return;
	sample_set(out, FIGURE_mapped, heap - unmapped);
	if (!has_free || heap - unmapped < free_pages) return;
	size_t active = heap - unmapped - free_pages; /* pages that are cut into blocks, allocated or cached */
	sample_set(out, FIGURE_active, active);
	/* by tcmalloc's own definition of current_allocated_bytes; the readings are apart, so the difference can invert
	 */
	if (has_allocated && active >= allocated) sample_set(out, FIGURE_cached, active - allocated);
}

static enum status stats_dump(struct text *out) {
	enum { ENOUGH = 256 * 1024 };
	if (!tcmalloc.stats) return STATUS_UNSUPPORTED;
	if (!text_reserve(out, ENOUGH)) return STATUS_NO_MEMORY;
	tcmalloc.stats(out->bytes, ENOUGH);
	out->length = strnlen(out->bytes, ENOUGH);
	return STATUS_OK;
}

static const char *stats_dump_format(void) {
	return "tcmalloc_stats";
}

/* Hands the thread's cache to the central lists; the thread gets a new one when it next calls malloc. */
static void purge_thread(void) {
	if (tcmalloc.thread_idle) tcmalloc.thread_idle();
}

static enum status purge(void) {
	if (!tcmalloc.release) return STATUS_UNSUPPORTED;
	tcmalloc.release();
	return STATUS_OK;
}

const struct allocator allocator_tcmalloc = {
	.name = "tcmalloc",
	.mark = "MallocExtension_GetNumericProperty",
	.figures = FIGURE_BIT(allocated) | FIGURE_BIT(active) | FIGURE_BIT(dirty) | FIGURE_BIT(cached) |
		   FIGURE_BIT(resident) | FIGURE_BIT(mapped) | FIGURE_BIT(retained),
	.notes = {[FIGURE_active] = "by difference: the page heap's mapped bytes less its free pages",
		[FIGURE_cached] = "by difference: active less allocated, which is how tcmalloc defines allocated"},
	.bind = bind,
	.version = version,
	.prove = prove,
	.sample = sample,
	.stats_dump = stats_dump,
	.stats_dump_format = stats_dump_format,
	.purge_thread = purge_thread,
	.purge = purge,
	.purge_thread_words = "MallocExtension::MarkThreadIdle",
	.purge_words = "MallocExtension::ReleaseFreeMemory",
};
