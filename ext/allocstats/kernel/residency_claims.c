#include "private_heap.h"
#include "residency.h"

void claims_add(struct claims *claims, uint64_t start, uint64_t end, enum mapping_kind kind) {
	if (start >= end) return;
	if (claims->count == claims->capacity) {
		size_t capacity = claims->capacity ? claims->capacity * 2 : 256;
		struct claim *items = private_resize(PRIVATE_readings, claims->items, capacity * sizeof *claims->items);
		if (!items) {
			claims->incomplete = true;
			return;
		}
		claims->items = items;
		claims->capacity = capacity;
	}
	claims->items[claims->count++] = (struct claim){start, end, kind};
}

static void sift_down(struct claim *items, size_t root, size_t count) {
	struct claim moved = items[root];
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && items[child + 1].start > items[child].start) child++;
		if (items[child].start <= moved.start) break;
		items[root] = items[child];
	}
	items[root] = moved;
}

/* A heap sort in place: the C library's qsort takes a buffer from the malloc that is being measured. */
static void sort(struct claim *items, size_t count) {
	for (size_t i = count / 2; i-- > 0;) sift_down(items, i, count);
	while (count > 1) {
		struct claim last = items[--count];
		items[count] = items[0];
		items[0] = last;
		sift_down(items, 0, count);
	}
}

void claims_settle(struct claims *claims) {
	size_t kept = 0;
	sort(claims->items, claims->count);
	for (size_t i = 0; i < claims->count; i++) {
		struct claim next = claims->items[i];
		struct claim *last = kept > 0 ? &claims->items[kept - 1] : NULL;
		if (last && next.start < last->end) next.start = last->end;
		if (next.start >= next.end) continue;
		if (last && last->end == next.start && last->kind == next.kind)
			last->end = next.end;
		else
			claims->items[kept++] = next;
	}
	claims->count = kept;
}

void claims_add_weaker(struct claims *claims, const struct claims *weaker) {
	size_t strong = 0, strong_count = claims->count;
	for (size_t i = 0; i < weaker->count; i++) {
		struct claim rest = weaker->items[i];
		while (strong < strong_count && claims->items[strong].end <= rest.start) strong++;
		for (size_t j = strong; j < strong_count && claims->items[j].start < rest.end; j++) {
			uint64_t gap_end = claims->items[j].start, next_start = claims->items[j].end;
			claims_add(claims, rest.start, gap_end, rest.kind);
			rest.start = next_start;
		}
		claims_add(claims, rest.start, rest.end, rest.kind);
	}
	claims_settle(claims);
}

/* The first claim that ends past an address, as an index; claims->count where there is none. */
static size_t first_past(const struct claims *claims, uint64_t address) {
	size_t low = 0, high = claims->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (claims->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct claim *claims_find(const struct claims *claims, uint64_t address) {
	size_t index = first_past(claims, address);
	return index < claims->count && claims->items[index].start <= address ? &claims->items[index] : NULL;
}

void claims_free(struct claims *claims) {
	private_free(PRIVATE_readings, claims->items);
	*claims = (struct claims){0};
}
