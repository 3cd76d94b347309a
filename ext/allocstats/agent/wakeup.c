#define _GNU_SOURCE
#include "agent/wakeup.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* As futex(2) has them: <linux/futex.h> is the kernel's, and not everywhere a C library is. */
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

/* When a kernel forbids futex(2), a word is looked at this often. */
enum { LOOK_MS = 50 };

static struct timespec timespec_of(uint32_t ms) {
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* Without futex(2), which a sandbox may forbid: a wait that returned at once would be a loop without a pause. */
static void watch(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms) {
	while (ms > 0 && atomic_load(word) == heard) {
		uint32_t pause = ms < LOOK_MS ? ms : LOOK_MS;
		struct timespec timeout = timespec_of(pause);
		if (nanosleep(&timeout, NULL) != 0) return;
		ms -= pause;
	}
}

void wakeup_wait(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms) {
	struct timespec timeout = timespec_of(ms);
	long status = syscall(SYS_futex, word, FUTEX_WAIT, heard, &timeout, NULL, 0);
	if (status != 0 && errno != EAGAIN && errno != ETIMEDOUT && errno != EINTR) watch(word, heard, ms);
}

void wakeup_raise(_Atomic uint32_t *word) {
	atomic_fetch_add(word, 1);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
