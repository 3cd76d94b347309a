/* Takes malloc and free alone, as a careless wrapper does: the rest of the family stays with the C library. */
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);

void *malloc(size_t bytes) {
	return __libc_malloc(bytes);
}

void free(void *block) {
	__libc_free(block);
}
