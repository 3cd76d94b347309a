/*
 * A library of its own, preloaded beside an allocator by `allocstats exec --only NAMES`: at each exec it decides
 * whether the new program is one of those that the allocator is meant for (program.h), and puts the allocator into its
 * environment or takes it out (passage.h). The gate itself stays in LD_PRELOAD, so that it holds for the children of
 * children. It keeps no state: the environment that is handed to exec says everything.
 *
 * system(3) and popen(3) come by no function that could be taken over: their shell runs with the environment of its
 * parent, and what that shell starts passes the gate again.
 */
#define _GNU_SOURCE
#include "passage.h"
#include "program.h"

#include <dlfcn.h>
#include <spawn.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef int exec_function(const char *, char *const[], char *const[]);
typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
	char *const[], char *const[]);

/* The real ones. They are looked up before anything can be forked from here: a child of vfork must not do it. */
static exec_function *real_execve, *real_execvpe;
static spawn_function *real_spawn, *real_spawnp;

__attribute__((constructor)) static void look_up(void) {
	*(void **)&real_execve = dlsym(RTLD_NEXT, "execve");
	*(void **)&real_execvpe = dlsym(RTLD_NEXT, "execvpe");
	*(void **)&real_spawn = dlsym(RTLD_NEXT, "posix_spawn");
	*(void **)&real_spawnp = dlsym(RTLD_NEXT, "posix_spawnp");
}

static char *const *pass(struct passage *passage, const char *program, bool searched, char *const environment[]) {
	const char *names = environment && program ? environment_value(environment, "ALLOCSTATS_ONLY") : NULL;
	if (!real_execve) look_up();
	if (!names) return environment;
	return passage_edit(passage, environment, program_is_among(names, program, searched));
}

/* The C library's headers call the parameters by reserved names. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
EXPORT int execve(const char *path, char *const arguments[], char *const environment[]) {
	struct passage passage;
	return real_execve(path, arguments, pass(&passage, path, false, environment));
}

EXPORT int execv(const char *path, char *const arguments[]) {
	return execve(path, arguments, environ);
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[]) {
	struct passage passage;
	return real_execvpe(file, arguments, pass(&passage, file, true, environment));
}

EXPORT int execvp(const char *file, char *const arguments[]) {
	return execvpe(file, arguments, environ);
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict]) {
	struct passage passage;
	return real_spawn(pid, path, actions, attributes, arguments, pass(&passage, path, false, environment));
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict]) {
	struct passage passage;
	return real_spawnp(pid, file, actions, attributes, arguments, pass(&passage, file, true, environment));
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
