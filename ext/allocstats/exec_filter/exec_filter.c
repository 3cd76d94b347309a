/*
 * A library of its own, preloaded beside an allocator by `allocstats exec --only NAMES`: at each exec it decides
 * whether the new program is one of those that the allocator is meant for (program.h), and puts the allocator into its
 * environment or takes it out (edited_environment.h). The filter itself stays in LD_PRELOAD, so that it holds for the
 * children of children. It keeps no state: the environment that is handed to exec says everything. What it makes of
 * that lies on the caller's stack, and takes as much of it as this environment needs; where there is not that much, the
 * environment goes through as it is.
 *
 * system(3) and popen(3) come by no function that could be taken over: their shell runs with the environment of its
 * parent, and what that shell starts passes the filter again.
 */
#define _GNU_SOURCE
#include "edited_environment.h"
#include "program.h"
#include "stack.h"

#include <dlfcn.h>
#include <spawn.h>
#include <unistd.h>

#define NAMES "ALLOCSTATS_ONLY"
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

/* Our own functions' frames, and those of the real ones. */
enum { FRAMES = 2048 };

static size_t count(char *const list[]) {
	size_t entries = 0;
	while (list && list[entries]) entries++;
	return entries;
}

/* execvpe(3) composes paths, too, and for a script without a first line the arguments of its shell. */
static size_t bytes_for_searching(const char *program, char *const arguments[]) {
	return program_bytes(program, true) + (count(arguments) + 2) * sizeof *arguments;
}

/* How many pointers a call has to have room for; 0: the environment goes through as it is. */
static size_t room_for(const char *program, bool searched, char *const arguments[], char *const environment[]) {
	if (!real_execve) look_up();
	if (!environment || !program || !environment_value(environment, NAMES)) return 0;
	size_t room = edited_environment_room(environment);
	size_t bytes = room * sizeof *environment + (searched ? bytes_for_searching(program, arguments) : 0);
	return stack_has(bytes + FRAMES) ? room : 0;
}

static char *const *pass(char *room[], size_t size, const char *program, bool searched, char *const environment[]) {
	if (size == 0) return environment;
	bool meant = program_is_among(environment_value(environment, NAMES), program, searched);
	return edited_environment(room, size, environment, meant);
}

/* The C library's headers call the parameters by reserved names. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
EXPORT int execve(const char *path, char *const arguments[], char *const environment[]) {
	size_t size = room_for(path, false, arguments, environment);
	char *room[size + 1];
	return real_execve(path, arguments, pass(room, size, path, false, environment));
}

EXPORT int execv(const char *path, char *const arguments[]) {
	return execve(path, arguments, environ);
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[]) {
	size_t size = room_for(file, true, arguments, environment);
	char *room[size + 1];
	return real_execvpe(file, arguments, pass(room, size, file, true, environment));
}

EXPORT int execvp(const char *file, char *const arguments[]) {
	return execvpe(file, arguments, environ);
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict]) {
	size_t size = room_for(path, false, arguments, environment);
	char *room[size + 1];
	return real_spawn(pid, path, actions, attributes, arguments, pass(room, size, path, false, environment));
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
	char *const environment[restrict]) {
	size_t size = room_for(file, true, arguments, environment);
	char *room[size + 1];
	return real_spawnp(pid, file, actions, attributes, arguments, pass(room, size, file, true, environment));
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
