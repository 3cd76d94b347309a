#include "program.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHEBANG_BYTES = 256, MOST_PATH_BYTES = 4096 };

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

static const char *search_path(void) {
	const char *path = getenv("PATH");
	return path ? path : "/usr/bin:/bin";
}

static const char *next_folder(const char *folder) {
	folder = strchr(folder, ':');
	return folder ? folder + 1 : NULL;
}

/* Whether the first of PATH's folders that has it has it as a script of one of the names. */
static bool found_as_script(const char *file, const char *names, size_t bytes) {
	size_t length = strlen(file);
	char found[bytes + 1];
	for (const char *folder = search_path(); folder; folder = next_folder(folder)) {
		size_t folder_length = strcspn(folder, ":");
		if (folder_length == 0 || folder_length + length + 2 > bytes) continue;
		memcpy(found, folder, folder_length);
		found[folder_length] = '/';
		memcpy(found + folder_length + 1, file, length + 1);
		if (!access(found, X_OK)) return interpreter_named(found, names);
	}
	return false;
}

static bool is_searched(const char *program, bool searched) {
	return searched && !strchr(program, '/');
}

size_t program_bytes(const char *program, bool searched) {
	size_t longest = 0;
	if (!is_searched(program, searched)) return 0;
	for (const char *folder = search_path(); folder; folder = next_folder(folder)) {
		size_t length = strcspn(folder, ":");
		if (length > longest) longest = length;
	}
	size_t bytes = longest + strlen(program) + 2;
	return bytes < MOST_PATH_BYTES ? bytes : MOST_PATH_BYTES;
}

bool program_is_among(const char *names, const char *program, bool searched) {
	if (named(program, names)) return true;
	if (!is_searched(program, searched)) return interpreter_named(program, names);
	return found_as_script(program, names, program_bytes(program, searched));
}
