#define _GNU_SOURCE
#include "thread_call.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { POLL_NS = 20 * 1000, LONGEST_POLLS = 1000 }; /* 20 ms */
enum state { NOTHING, ASKED, RUNNING, DONE };

static struct {
	_Atomic enum state state;
	pid_t thread;
	void (*function)(void);
} call;

static int signal_number; /* 0 before the first call, -1 when none is free */

/* The system calls in which a thread sleeps: for a lock, a time, or something to read. */
static const long sleeping_calls[] = {
	SYS_futex,
	SYS_ppoll,
	SYS_pselect6,
	SYS_epoll_pwait,
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_restart_syscall,
	SYS_rt_sigtimedwait,
	SYS_read,
	SYS_accept,
	SYS_accept4,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_wait4,
	SYS_waitid,
#ifdef SYS_poll
	SYS_poll,
	SYS_select,
	SYS_epoll_wait,
#endif
};

/* On the thread that was asked. A call that was given up meanwhile is not run: it could be anywhere by now. */
static void on_signal(int number) {
	(void)number;
	int error = errno;
	enum state asked = ASKED;
	if (call.thread == (pid_t)syscall(SYS_gettid) && atomic_compare_exchange_strong(&call.state, &asked, RUNNING)) {
		call.function();
		atomic_store(&call.state, DONE);
	}
	errno = error;
}

/* Takes the highest real-time signal that nobody handles. It stays ours: a late signal without a handler would kill. */
static bool take_signal(void) {
	for (int number = SIGRTMAX; !signal_number && number > SIGRTMIN; number--) {
		struct sigaction now;
		if (sigaction(number, NULL, &now) != 0 || now.sa_handler != SIG_DFL) continue;
		struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
		sigfillset(&ours.sa_mask);
		if (sigaction(number, &ours, NULL) == 0) signal_number = number;
	}
	if (!signal_number) signal_number = -1;
	return signal_number > 0;
}

static bool sleeps_in_kernel(pid_t thread) {
	char path[64], text[64];
	snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)thread);
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) return false;
	ssize_t length = read(descriptor, text, sizeof text - 1);
	close(descriptor);
	if (length <= 0) return false;
	text[length] = '\0';
	char *end;
	long number = strtol(text, &end, 10); /* "running" is no number */
	if (end == text) return false;
	for (size_t i = 0; i < sizeof sleeping_calls / sizeof *sleeping_calls; i++)
		if (sleeping_calls[i] == number) return true;
	return false;
}

static void pause_shortly(void) {
	nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
}

enum thread_call thread_call_begin(pid_t thread, void (*function)(void)) {
	if (!take_signal()) return THREAD_CALL_NO_SIGNAL;
	if (!sleeps_in_kernel(thread)) return THREAD_CALL_NOT_IDLE;
	call.thread = thread;
	call.function = function;
	atomic_store(&call.state, ASKED);
	if (syscall(SYS_tgkill, getpid(), thread, signal_number) == 0)
		for (int polls = 0; polls < LONGEST_POLLS && atomic_load(&call.state) == ASKED; polls++)
			pause_shortly();
	enum state asked = ASKED;
	return atomic_compare_exchange_strong(&call.state, &asked, NOTHING) ? THREAD_CALL_NO_ANSWER : THREAD_CALL_BEGUN;
}

void thread_call_finish(void) {
	while (atomic_load(&call.state) == RUNNING) pause_shortly();
	atomic_store(&call.state, NOTHING);
}
