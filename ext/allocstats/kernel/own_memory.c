#define _GNU_SOURCE
#include "own_memory.h"
#include "residency.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct reading own_memory_open(struct own_memory *memory) {
	*memory = (struct own_memory){
		.descriptor = open("/proc/self/mem", O_RDONLY | O_CLOEXEC),
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
	};
	if (memory->descriptor < 0) return (struct reading){.status = STATUS_UNREADABLE, .error = errno};
	return (struct reading){.status = STATUS_OK};
}

void own_memory_close(const struct own_memory *memory) {
	close(memory->descriptor);
}

bool own_memory_peek(const struct own_memory *memory, uint64_t address, void *out, size_t size) {
	return residency_count(address, address + size) > 0 &&
	       pread(memory->descriptor, out, size, (off_t)address) == (ssize_t)size;
}
