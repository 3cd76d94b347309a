/* The entries of a folder of /proc that are numbers: processes, threads, descriptors. Without readdir's malloc. */
#ifndef ALLOCSTATS_NUMBERED_FOLDER_H
#define ALLOCSTATS_NUMBERED_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum { NUMBERED_FOLDER_BUFFER = 4096 };

struct numbered_folder {
	int descriptor; /* -1 where it could not be opened; `error` says why */
	int error;
	long at, end; /* what was read and not yet given out */
	_Alignas(8) char buffer[NUMBERED_FOLDER_BUFFER];
};

bool numbered_folder_open(struct numbered_folder *folder, const char *path);

/* The next number above 0; 0 at the end, or when reading fails, which leaves its errno in `error`. */
int64_t numbered_folder_next(struct numbered_folder *folder);

void numbered_folder_close(struct numbered_folder *folder);

#endif
