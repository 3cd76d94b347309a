#include "cgroup_mounts.h"

#include <string.h>

/* Copies what fits whole; what does not leaves "". */
static bool copy(char out[PATH_MAX], const char *text) {
	size_t length = strlen(text);
	out[0] = '\0';
	if (length >= PATH_MAX) return false;
	memcpy(out, text, length + 1);
	return true;
}

/* Whether a word stands in a list that commas separate. */
static bool lists(const char *list, const char *word) {
	size_t length = strlen(word);
	for (const char *at = list; at; at = strchr(at, ',')) {
		if (*at == ',') at++;
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
	}
	return false;
}

/* "4:memory:/app" or "0::/app" */
static bool parse_membership(char *line, struct cgroup_places *out) {
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path || path[1] != '/') return false;
	*controllers++ = *path++ = '\0';
	if (*controllers == '\0' && strcmp(line, "0") == 0) copy(out->unified.path, path);
	if (lists(controllers, "memory")) copy(out->memory_v1.path, path);
	return true;
}

static struct reading read_membership(const char *root, const char *process, struct cgroup_places *out) {
	struct line_reader reader;
	char *line;
	line_reader_open(&reader, root, process, "cgroup");
	while ((line = line_reader_next(&reader))) {
		if (!parse_membership(line, out)) line_reader_malformed(&reader);
	}
	return line_reader_close(&reader);
}

static bool is_octal(char digit) {
	return digit >= '0' && digit <= '7';
}

/* mountinfo writes blanks and backslashes in paths as \ooo. */
static void unescape(char *text) {
	char *out = text;
	for (; *text; out++) {
		if (text[0] == '\\' && is_octal(text[1]) && is_octal(text[2]) && is_octal(text[3])) {
			*out = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*out = *text++;
		}
	}
	*out = '\0';
}

/* The part of a group's path that lies below the mount's root; NULL where it lies elsewhere. */
static const char *below(const char *path, const char *mount_root) {
	if (strcmp(mount_root, "/") == 0) return path;
	const char *rest = text_after(path, mount_root);
	return rest && (*rest == '/' || *rest == '\0') ? rest : NULL;
}

static bool leads_upwards(const char *path) {
	const char *dots = strstr(path, "/..");
	return dots && (dots[3] == '/' || dots[3] == '\0');
}

/*
 * Of several mounts of a hierarchy the first that shows the group counts; where none does, as in a container that sees
 * its own group mounted without a namespace of its own, the first of all, and its mount point stands for the group.
 */
static void consider_mount(struct cgroup_place *place, const char *mount_root, const char *mount_point) {
	const char *rest = leads_upwards(place->path) ? NULL : below(place->path, mount_root);
	bool is_first = place->mount_point[0] == '\0';
	if (place->path[0] == '\0' || place->is_below_mount || (!is_first && !rest)) return;
	if (!copy(place->mount_point, mount_point) || !copy(place->folder, mount_point)) return;
	place->is_below_mount = rest != NULL;
	if (!rest || strcmp(rest, "/") == 0) return;
	size_t length = strlen(mount_point), more = strlen(rest);
	if (length + more < PATH_MAX) memcpy(place->folder + length, rest, more + 1);
}

/* Cuts the next word off a text that blanks separate; NULL at its end. */
static char *next_word(char **text) {
	char *word = *text + strspn(*text, " ");
	char *end = word + strcspn(word, " ");
	if (*word == '\0') return NULL;
	*text = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

/* "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory" */
static bool parse_mount(char *line, struct cgroup_places *out) {
	char *mount_root = NULL, *mount_point = NULL;
	char *separator = strstr(line, " - ");
	if (!separator) return false;
	char *rest = separator + 3;
	*separator = '\0';
	for (unsigned i = 0; i < 5; i++) {
		char *word = next_word(&line);
		if (!word) return false;
		if (i == 3) mount_root = word;
		if (i == 4) mount_point = word;
	}
	const char *type = next_word(&rest), *source = next_word(&rest), *options = next_word(&rest);
	if (!type) return false;
	unescape(mount_root);
	unescape(mount_point);
	if (strcmp(type, "cgroup2") == 0) consider_mount(&out->unified, mount_root, mount_point);
	if (strcmp(type, "cgroup") == 0 && source && options && lists(options, "memory"))
		consider_mount(&out->memory_v1, mount_root, mount_point);
	return true;
}

static struct reading read_mounts(const char *root, struct cgroup_places *out) {
	struct line_reader reader;
	char *line;
	line_reader_open(&reader, root, PROC_SELF, "mountinfo");
	while ((line = line_reader_next(&reader))) {
		if (!parse_mount(line, out)) line_reader_malformed(&reader);
	}
	return line_reader_close(&reader);
}

void cgroup_places_find(const char *root, const char *process, struct cgroup_places *out, struct reading *membership,
	struct reading *mounts) {
	memset(out, 0, sizeof *out);
	*membership = read_membership(root, process, out);
	*mounts = read_mounts(root, out);
}
