/*
 * Starts sh where there is little stack: small_stacks PLACE WAY VARIABLES ARGUMENTS, with so many more variables in the
 * environment and so many arguments. PLACE is
 *
 *   thread    a thread with the least stack there may be
 *   signal    a handler on an alternate signal stack of the usual size
 *   main      the main thread, for comparison
 *
 * and WAY how: execve and execvp (each in a child of fork), vfork, posix_spawn, posix_spawnp. What it prints is whether
 * the child was given jemalloc, "0" or "1"; "status N" of the child where that is not 0, and "overwritten" where what
 * lay beside the stack is no longer what it was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *way;
static char **arguments, **environment;
static int status = -1;

static void run_in_child(int (*run)(const char *, char *const[], char *const[]), const char *program) {
	pid_t pid = fork();
	if (pid == 0) {
		run(program, arguments, environment);
		_exit(120);
	}
	waitpid(pid, &status, 0);
}

static void start(void) {
	pid_t pid = -1;
	if (!strcmp(way, "execve")) run_in_child(execve, "/bin/sh");
	if (!strcmp(way, "execvp")) run_in_child(execvpe, "sh");
	if (!strcmp(way, "vfork") && (pid = vfork()) == 0) {
		execve("/bin/sh", arguments, environment);
		_exit(120);
	}
	if (!strcmp(way, "posix_spawn")) posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environment);
	if (!strcmp(way, "posix_spawnp")) posix_spawnp(&pid, "sh", NULL, NULL, arguments, environment);
	if (pid > 0) waitpid(pid, &status, 0);
}

static void *in_thread(void *unused) {
	start();
	return unused;
}

static void in_handler(int signal) {
	(void)signal;
	start();
}

static int on_least_stack(void) {
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	int error = pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	if (!error) error = pthread_create(&thread, &attributes, in_thread, NULL);
	return error ? error : pthread_join(thread, NULL);
}

/* Above a page that nobody may touch, and what must stay as it is below that. */
static int on_alternate_stack(void) {
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 2 * page, below = 32 * page;
	char *area = aligned_alloc(page, below + page + bytes);
	stack_t stack = {.ss_sp = area + below + page, .ss_size = bytes};
	struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_ONSTACK};
	memset(area, 'x', below);
	mprotect(area + below, page, PROT_NONE);
	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL) || raise(SIGUSR1)) return errno;
	for (size_t i = 0; i < below; i++) {
		if (area[i] == 'x') continue;
		puts("overwritten");
		break;
	}
	return 0;
}

static void prepare(int variables, int words) {
	int count = 0;
	while (environ[count]) count++;
	environment = calloc((size_t)(count + variables + 1), sizeof *environment);
	memcpy(environment, environ, (size_t)count * sizeof *environment);
	for (int i = 0; i < variables; i++) {
		char text[64];
		snprintf(text, sizeof text, "VARIABLE_%d=%d", i, i);
		environment[count++] = strdup(text);
	}
	arguments = calloc((size_t)(words + 4), sizeof *arguments);
	arguments[0] = "sh";
	arguments[1] = "-c";
	arguments[2] = "case $LD_PRELOAD in *jemalloc*) echo 1;; *) echo 0;; esac";
	for (int i = 0; i < words; i++) arguments[i + 3] = "word";
}

int main(int argc, char **argv) {
	if (argc != 5) return 64;
	way = argv[2];
	prepare(atoi(argv[3]), atoi(argv[4]));
	int error = 0;
	if (!strcmp(argv[1], "main")) start();
	if (!strcmp(argv[1], "thread")) error = on_least_stack();
	if (!strcmp(argv[1], "signal")) error = on_alternate_stack();
	if (error || status) printf("status %d, error %d\n", status, error);
	return 0;
}
