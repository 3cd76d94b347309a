/* What docs/adding_an_allocator.md adds support for, as far as its page needs it: the family and one statistic. */
#include "whole_shim.c"

struct global_statistics {
	size_t mapped, mapped_peak, cached, huge_alloc, huge_alloc_peak, mapped_total, unmapped_total;
};

void rpmalloc_global_statistics(struct global_statistics *out) {
	out->mapped = 4711 * 4096;
}
