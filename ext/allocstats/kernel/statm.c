#define _GNU_SOURCE
#include "statm.h"
#include "process_generation.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_STATM = 255 };

static struct {
	int descriptor;
	dev_t device;
	ino_t inode;
	unsigned generation; /* of the process that opened it; 0: nothing is kept */
} kept;

/* The generation that uses `kept` now, or 0. A number, not a flag: one that a fork left behind is seen to be stale. */
static atomic_uint user;

static bool take_kept(unsigned generation) {
	unsigned expected = atomic_load(&user);
	return expected != generation && atomic_compare_exchange_strong(&user, &expected, generation);
}

static void leave_kept(void) {
	atomic_store(&user, 0);
}

static bool kept_is_still_there(void) {
	struct stat now;
	return kept.generation && fstat(kept.descriptor, &now) == 0 && now.st_ino == kept.inode &&
	       now.st_dev == kept.device;
}

static int open_statm(void) {
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

/* Opens it anew where what is kept is gone or the parent's; false when that cannot be. */
static bool refresh_kept(unsigned generation) {
	bool there = kept_is_still_there();
	if (there && kept.generation == generation) return true;
	if (there) close(kept.descriptor);
	kept.generation = 0;
	struct stat now;
	int descriptor = open_statm();
	if (descriptor < 0) return false;
	if (fstat(descriptor, &now) != 0) {
		close(descriptor);
		return false;
	}
	kept.descriptor = descriptor;
	kept.device = now.st_dev;
	kept.inode = now.st_ino;
	kept.generation = generation;
	return true;
}

static ssize_t read_once(char *text) {
	int descriptor = open_statm();
	if (descriptor < 0) return -1;
	ssize_t length = pread(descriptor, text, LONGEST_STATM, 0);
	close(descriptor);
	return length;
}

static ssize_t read_kept(char *text) {
	unsigned generation = process_generation();
	if (!take_kept(generation)) return read_once(text); /* another thread is reading: do not wait for it */
	ssize_t length = refresh_kept(generation) ? pread(kept.descriptor, text, LONGEST_STATM, 0) : -1;
	leave_kept();
	return length;
}

/* Reads digits into *out, times `unit`; NULL when there is none or it does not fit. */
static const char *parse_number(const char *text, uint64_t unit, uint64_t *out) {
	if (*text < '0' || *text > '9') return NULL;
	uint64_t number = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return NULL;
	return __builtin_mul_overflow(number, unit, out) ? NULL : text;
}

bool statm_parse(const char *text, uint64_t page_bytes, struct statm *statm) {
	const char *rest = parse_number(text, page_bytes, &statm->size);
	if (!rest || *rest != ' ') return false;
	rest = parse_number(rest + 1, page_bytes, &statm->resident);
	if (!rest || *rest != ' ') return false;
	rest = parse_number(rest + 1, page_bytes, &statm->shared);
	return rest && (*rest == ' ' || *rest == '\n' || *rest == '\0');
}

bool statm_read(struct statm *statm) {
	char text[LONGEST_STATM + 1];
	ssize_t length = read_kept(text);
	if (length <= 0) return false;
	text[length] = '\0';
	return statm_parse(text, (uint64_t)sysconf(_SC_PAGESIZE), statm);
}
