#include "private_heap.h"
#include "residency.h"

void owned_ranges_add(struct owned_ranges *owned, uint64_t start, uint64_t end, enum mapping_kind kind) {
	if (start >= end) return;
	if (owned->count == owned->capacity) {
		size_t capacity = owned->capacity ? owned->capacity * 2 : 256;
		struct owned_range *items =
			private_resize(PRIVATE_readings, owned->items, capacity * sizeof *owned->items);
		if (!items) {
			owned->incomplete = true;
			return;
		}
		owned->items = items;
		owned->capacity = capacity;
	}
	owned->items[owned->count++] = (struct owned_range){start, end, kind};
}

static void sift_down(struct owned_range *items, size_t root, size_t count) {
	struct owned_range moved = items[root];
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && items[child + 1].start > items[child].start) child++;
		if (items[child].start <= moved.start) break;
		items[root] = items[child];
	}
	items[root] = moved;
}

/* A heap sort in place: the C library's qsort takes a buffer from the malloc that is being measured. */
static void sort(struct owned_range *items, size_t count) {
	for (size_t i = count / 2; i-- > 0;) sift_down(items, i, count);
	while (count > 1) {
		struct owned_range last = items[--count];
		items[count] = items[0];
		items[0] = last;
		sift_down(items, 0, count);
	}
}

void owned_ranges_settle(struct owned_ranges *owned) {
	size_t kept = 0;
	sort(owned->items, owned->count);
	for (size_t i = 0; i < owned->count; i++) {
		struct owned_range next = owned->items[i];
		struct owned_range *last = kept > 0 ? &owned->items[kept - 1] : NULL;
		if (last && next.start < last->end) next.start = last->end;
		if (next.start >= next.end) continue;
		if (last && last->end == next.start && last->kind == next.kind)
			last->end = next.end;
		else
			owned->items[kept++] = next;
	}
	owned->count = kept;
}

void owned_ranges_add_weaker(struct owned_ranges *owned, const struct owned_ranges *weaker) {
	size_t strong = 0, strong_count = owned->count;
	for (size_t i = 0; i < weaker->count; i++) {
		struct owned_range rest = weaker->items[i];
		while (strong < strong_count && owned->items[strong].end <= rest.start) strong++;
		for (size_t j = strong; j < strong_count && owned->items[j].start < rest.end; j++) {
			uint64_t gap_end = owned->items[j].start, next_start = owned->items[j].end;
			owned_ranges_add(owned, rest.start, gap_end, rest.kind);
			rest.start = next_start;
		}
		owned_ranges_add(owned, rest.start, rest.end, rest.kind);
	}
	owned_ranges_settle(owned);
}

/* The first range that ends past an address, as an index; owned->count where there is none. */
static size_t first_past(const struct owned_ranges *owned, uint64_t address) {
	size_t low = 0, high = owned->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (owned->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct owned_range *owned_ranges_find(const struct owned_ranges *owned, uint64_t address) {
	size_t index = first_past(owned, address);
	return index < owned->count && owned->items[index].start <= address ? &owned->items[index] : NULL;
}

void owned_ranges_free(struct owned_ranges *owned) {
	private_free(PRIVATE_readings, owned->items);
	*owned = (struct owned_ranges){0};
}
