/*
 * A program that has an allocator linked into it, of which nothing is ever freed, and that prints who owns malloc:
 * "1 /path/of/this/program 7", whether it is the main program, which one, and how many of the functions are its.
 */
#include "ownership.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static _Alignas(64) char arena[8 << 20];
static size_t used;

void *aligned_alloc(size_t alignment, size_t bytes) {
	size_t start = (used + sizeof(size_t) + alignment + 15) / alignment * alignment;
	if (start + bytes > sizeof arena) return NULL;
	memcpy(arena + start - sizeof bytes, &bytes, sizeof bytes);
	used = (start + bytes + 15) / 16 * 16;
	return arena + start;
}

size_t malloc_usable_size(void *block) {
	size_t bytes = 0;
	if (block) memcpy(&bytes, (char *)block - sizeof bytes, sizeof bytes);
	return bytes;
}

void *malloc(size_t bytes) {
	return aligned_alloc(16, bytes);
}

void *calloc(size_t count, size_t bytes) {
	return aligned_alloc(16, count * bytes);
}

void *realloc(void *block, size_t bytes) {
	size_t old = malloc_usable_size(block);
	void *moved = malloc(bytes);
	if (moved && block) memcpy(moved, block, old < bytes ? old : bytes);
	return moved;
}

void free(void *block) {
	(void)block;
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
	*block = aligned_alloc(alignment, bytes);
	return *block ? 0 : ENOMEM;
}

int main(void) {
	struct ownership ownership;
	if (ownership_read(&ownership) != STATUS_OK || ownership.owner[OWNED_malloc] < 0) return 1;
	const struct loaded_object *owner = &ownership.objects[ownership.owner[OWNED_malloc]];
	int owned = 0;
	for (size_t i = 0; i < OWNED_FUNCTION_COUNT; i++) owned += ownership.owner[i] == ownership.owner[OWNED_malloc];
	printf("%d %s %d\n", owner->main_program, owner->path, owned);
	ownership_free(&ownership);
	return 0;
}
