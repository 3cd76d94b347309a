#include "mi_process_info.h"
#include "allocator.h"
#include "ownership.h"

enum status mi_process_info_read(struct mi_process_info *out) {
	void (*read)(size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *, size_t *) = NULL;
	const struct loaded_object *owner = allocator_owner();
	if (owner && allocator_current() == &allocator_mimalloc) BIND(read, owner, "mi_process_info");
	if (!read) return STATUS_UNSUPPORTED;
	size_t not_measured;
	read(&out->elapsed_ms, &out->user_ms, &out->system_ms, &not_measured, &out->peak_rss, &out->committed,
		&out->peak_committed, &out->page_faults);
	return STATUS_OK;
}
