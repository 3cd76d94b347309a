/* An allocator that allocstats does not know: owns the whole family and hands everything on to the C library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t bytes) {
	return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes) {
	return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes) {
	return __libc_realloc(block, bytes);
}

void free(void *block) {
	__libc_free(block);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
	return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
	*block = __libc_memalign(alignment, bytes);
	return *block ? 0 : ENOMEM;
}

size_t malloc_usable_size(void *block) {
	size_t (*next)(void *) = (__typeof__(next))dlsym(RTLD_NEXT, "malloc_usable_size");
	return next(block);
}
