#define _GNU_SOURCE
#include "residency_stacks.h"
#include "numbered_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * How far above its robust list a thread's data can reach: the rest of the C library's struct and, on arm64, the
 * thread's static variables. Only matters where another mapping has merged with the top of the stack.
 */
enum { THREAD_DATA_ABOVE = 8192 };

/* /proc/self/pagemap has 64 bits for each page, and this one says that the page is a guard (Linux 6.15). */
#define PAGEMAP_GUARD (UINT64_C(1) << 58)

/* Whether what lies right below a mapping may not be touched. */
static bool stands_on_guard(const struct mappings *mappings, const struct mapping *mapping) {
	const unsigned access = MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_EXECUTABLE;
	if (mapping == mappings->items) return false;
	return mapping[-1].end == mapping->start && !(mapping[-1].traits & access);
}

/* The end of the nearest guard page below `address`, looking down to `bottom`; 0 where there is none. */
static uint64_t guard_page_below(uint64_t address, uint64_t bottom) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), entries[512], high = address / page, low = bottom / page;
	int descriptor = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) return 0;
	uint64_t found = 0;
	while (!found && high > low) {
		uint64_t count = high - low < 512 ? high - low : 512;
		off_t offset = (off_t)((high - count) * sizeof *entries);
		ssize_t wanted = (ssize_t)(count * sizeof *entries);
		if (pread(descriptor, entries, (size_t)wanted, offset) != wanted) break;
		for (uint64_t i = count; !found && i-- > 0;) {
			if (entries[i] & PAGEMAP_GUARD) found = (high - count + i + 1) * page;
		}
		high -= count;
	}
	close(descriptor);
	return found;
}

/* The lowest address of the stack that `address` lies on; 0 where nothing delimits it. */
static uint64_t bottom_of_stack(const struct mappings *mappings, const struct mapping *mapping, uint64_t address) {
	if (mapping->traits & MAPPING_GUARDED) {
		uint64_t bottom = guard_page_below(address, mapping->start);
		if (bottom) return bottom;
	}
	return stands_on_guard(mappings, mapping) ? mapping->start : 0;
}

static uint64_t top_of_stack(const struct mapping *mapping, uint64_t address) {
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t top = (address + THREAD_DATA_ABOVE + page - 1) / page * page;
	return top < mapping->end ? top : mapping->end;
}

/* False where the address is known and no stack could be made out around it. */
static bool own_stack(const struct mappings *mappings, struct owned_ranges *owned, uint64_t address) {
	const struct mapping *mapping = mappings_find(mappings, address);
	if (!mapping) return true; /* younger than the reading of the mappings: nothing of it was counted */
	if (mapping->traits & MAPPING_NAMED) return true;
	uint64_t bottom = bottom_of_stack(mappings, mapping, address);
	if (!bottom) return false;
	owned_ranges_add(owned, bottom, top_of_stack(mapping, address), MAPPING_KIND_stack);
	return true;
}

static void visit_thread(
	pid_t thread, const struct mappings *mappings, struct owned_ranges *owned, struct stacks *out) {
	const void *head = NULL; /* a struct robust_list_head, of which only the address matters */
	size_t length;
	bool is_main = thread == getpid();

	if (syscall(SYS_get_robust_list, thread, &head, &length) != 0) {
		if (errno == ESRCH) return; /* it has just ended */
		out->reading = (struct reading){.status = STATUS_UNSUPPORTED, .error = errno};
		return;
	}
	bool known = head && own_stack(mappings, owned, (uint64_t)(uintptr_t)head);
	if (is_main) return;
	out->threads++;
	if (!known) out->unknown++;
}

void stacks_own_ranges(const struct mappings *mappings, struct owned_ranges *owned, struct stacks *out) {
	struct numbered_folder threads;
	int64_t thread;
	*out = (struct stacks){.reading = {.status = STATUS_OK}};
	numbered_folder_open(&threads, "/proc/self/task");
	while (out->reading.status == STATUS_OK && (thread = numbered_folder_next(&threads)))
		visit_thread((pid_t)thread, mappings, owned, out);
	if (threads.error) out->reading = (struct reading){.status = STATUS_UNREADABLE, .error = threads.error};
	numbered_folder_close(&threads);
}
