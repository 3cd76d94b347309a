#define _GNU_SOURCE
#include "stack.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LEAST_PAGE = 4096, KERNEL_MASK_BYTES = 8, NO_SUCH_CHANGE = ~0, NOWHERE = 1 };

/* Asks for a change of the signal mask that there is not: the kernel reads the mask before it sees that. */
static bool is_readable(uintptr_t address) {
	return syscall(SYS_rt_sigprocmask, NO_SUCH_CHANGE, address, NULL, KERNEL_MASK_BYTES) != 0 && errno != EFAULT;
}

/* A kernel that looks in another order says yes to everything (qemu-user does): its word is none. */
static bool pages_are_readable(uintptr_t from, uintptr_t down_to) {
	uintptr_t page = from - from % LEAST_PAGE;
	if (is_readable(NOWHERE)) return false;
	while (page > down_to) {
		page -= LEAST_PAGE;
		if (!is_readable(page)) return false;
	}
	return true;
}

bool stack_has(size_t bytes) {
	stack_t alternate;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	int error = errno;
	if (bytes >= here) return false;
	if (!sigaltstack(NULL, &alternate) && (alternate.ss_flags & SS_ONSTACK))
		return here - (uintptr_t)alternate.ss_sp >= bytes;
	bool has = pages_are_readable(here, here - bytes);
	errno = error;
	return has;
}
