#define _GNU_SOURCE
#include "numbered_folder.h"
#include "line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As getdents64(2) lays it out. */
struct directory_entry {
	uint64_t inode;
	int64_t next;
	uint16_t length;
	uint8_t type;
	char name[];
};

bool numbered_folder_open(struct numbered_folder *folder, const char *path) {
	folder->at = folder->end = 0;
	folder->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	folder->error = folder->descriptor < 0 ? errno : 0;
	return folder->descriptor >= 0;
}

static bool refill(struct numbered_folder *folder) {
	folder->at = 0;
	folder->end = syscall(SYS_getdents64, folder->descriptor, folder->buffer, sizeof folder->buffer);
	if (folder->end < 0) folder->error = errno;
	return folder->end > 0;
}

/* The whole name is a number that fits; 0 for any other. */
static int64_t number_of(const char *name) {
	uint64_t number;
	return parse_decimal(&name, &number) && *name == '\0' && number <= INT64_MAX ? (int64_t)number : 0;
}

int64_t numbered_folder_next(struct numbered_folder *folder) {
	while (folder->descriptor >= 0 && (folder->at < folder->end || refill(folder))) {
		const struct directory_entry *entry = (const void *)(folder->buffer + folder->at);
		folder->at += entry->length;
		int64_t number = number_of(entry->name);
		if (number > 0) return number;
	}
	return 0;
}

void numbered_folder_close(struct numbered_folder *folder) {
	if (folder->descriptor >= 0) close(folder->descriptor);
	folder->descriptor = -1;
}
