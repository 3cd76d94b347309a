#include "program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHEBANG_BYTES = 256, PATH_BYTES = 4096 };

static bool has_name(const char *path, const char *name, size_t length) {
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	return !strncmp(base, name, length) && base[length + strspn(base + length, "0123456789.-")] == '\0';
}

static bool named(const char *path, const char *names) {
	while (*names) {
		size_t length = strcspn(names, ":");
		if (length && has_name(path, names, length)) return true;
		names += length + (names[length] == ':');
	}
	return false;
}

/* A script's first line, "#! /usr/bin/ruby -W0", is what the kernel starts in its place. */
static bool interpreter_named(const char *path, const char *names) {
	char text[SHEBANG_BYTES + 1];
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0) return false;
	ssize_t bytes = read(file, text, SHEBANG_BYTES);
	close(file);
	if (bytes < 3 || text[0] != '#' || text[1] != '!') return false;
	text[bytes] = '\0';
	char *interpreter = text + 2 + strspn(text + 2, " \t");
	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	return named(interpreter, names);
}

/* The first of PATH's folders that has it; false where none has. */
static bool search(const char *file, char found[PATH_BYTES]) {
	const char *path = getenv("PATH");
	size_t length = strlen(file);
	for (const char *folder = path ? path : "/usr/bin:/bin"; folder; folder = strchr(folder, ':')) {
		if (*folder == ':') folder++;
		size_t folder_length = strcspn(folder, ":");
		if (folder_length == 0 || folder_length + length + 2 > PATH_BYTES) continue;
		memcpy(found, folder, folder_length);
		found[folder_length] = '/';
		memcpy(found + folder_length + 1, file, length + 1);
		if (!access(found, X_OK)) return true;
	}
	return false;
}

bool program_is_among(const char *names, const char *program, bool searched) {
	char path[PATH_BYTES];
	if (named(program, names)) return true;
	if (searched && !strchr(program, '/')) return search(program, path) && interpreter_named(path, names);
	return interpreter_named(program, names);
}
