/*
 * Runs a function on another thread of this process while that thread waits in the kernel, by a real-time signal.
 *
 * What an allocator keeps for a thread (mimalloc's heap, a cache) only that thread may give back, and an idle thread
 * does not come by to do it. The function runs inside the signal's handler, so the thread must be known not to be
 * inside the allocator or to hold a lock that the function wants: the kernel says that it waits in a system call for
 * sleeping (proc(5), /proc/self/task/<tid>/syscall), and the caller vouches that this wait is one in which it holds no
 * lock of the allocator and that it cannot go on before the function has begun (in Ruby: it waits for a queue, a mutex
 * or the clock, and the caller has the GVL). Its wait goes on afterwards (SA_RESTART, or the EINTR that such waits
 * expect).
 *
 * One call at a time in a process; the caller sees to that.
 */
#ifndef ALLOCSTATS_THREAD_CALL_H
#define ALLOCSTATS_THREAD_CALL_H

#include <sys/types.h>

enum thread_call {
	THREAD_CALL_BEGUN,     /* the function runs; thread_call_finish waits for its end */
	THREAD_CALL_NOT_IDLE,  /* the thread runs, or waits in something else than sleep */
	THREAD_CALL_NO_ANSWER, /* the thread did not take the signal in time; the function will not run */
	THREAD_CALL_NO_SIGNAL, /* every real-time signal of this process is taken, or the kernel does not say what
				  threads do */
};

/* Returns once the function has begun, in some ten microseconds, or after 20 ms in which it did not. */
enum thread_call thread_call_begin(pid_t thread, void (*function)(void));

/* Waits until the function that was begun has ended. */
void thread_call_finish(void);

#endif
