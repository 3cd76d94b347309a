#include "malloc_functions.h"
#include "allocator.h"
#include "ownership.h"

/* The object to look glibc's functions up in: other allocators have some of the same names, and do nothing in them. */
static const struct loaded_object *glibc(void) {
	return allocator_current() == &allocator_glibc ? allocator_owner() : NULL;
}

enum status glibc_mallinfo_read(struct glibc_mallinfo *out) {
	struct glibc_mallinfo (*mallinfo2)(void) = NULL;
	if (glibc()) BIND(mallinfo2, glibc(), "mallinfo2");
	if (!mallinfo2) return STATUS_UNSUPPORTED;
	*out = mallinfo2();
	return STATUS_OK;
}

enum status glibc_trim(size_t pad, bool *released) {
	int (*malloc_trim)(size_t pad) = NULL;
	if (glibc()) BIND(malloc_trim, glibc(), "malloc_trim");
	if (!malloc_trim) return STATUS_UNSUPPORTED;
	*released = malloc_trim(pad) != 0;
	return STATUS_OK;
}
