#define _GNU_SOURCE
#include "process_stat.h"
#include "line_reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_STAT = 1023, FIELD_OF_STATE = 3, FIELD_OF_PARENT = 4, FIELD_OF_START = 22 };

/* The beginning of a field, counted as proc(5) does, from the state's on; NULL where there are fewer. */
static const char *find_field(const char *state, int wanted) {
	for (int field = FIELD_OF_STATE; state && field < wanted; field++) {
		state = strchr(state, ' ');
		if (state) state++;
	}
	return state;
}

/* The second field is the program's name in brackets, which may hold brackets and spaces: the last bracket ends it. */
bool process_stat_parse(const char *text, struct process_stat *out) {
	const char *cursor = text, *end_of_name = strrchr(text, ')');
	uint64_t number, parent, start;
	if (!parse_decimal(&cursor, &number) || !end_of_name || end_of_name[1] != ' ' || !end_of_name[2]) return false;
	const char *state = end_of_name + 2;
	const char *parent_at = find_field(state, FIELD_OF_PARENT), *start_at = find_field(state, FIELD_OF_START);
	if (!parent_at || !start_at || !parse_decimal(&parent_at, &parent) || !parse_decimal(&start_at, &start))
		return false;
	const uint64_t largest = (1U << PROCESS_NUMBER_BITS) - 1;
	if (number == 0 || number > largest || parent > largest || start >> (64 - PROCESS_NUMBER_BITS)) return false;
	out->identity = start << PROCESS_NUMBER_BITS | number;
	out->parent = (pid_t)parent;
	out->state = *state;
	return true;
}

/* The beginning of a file, as text. */
static bool read_text(const char *path, char text[LONGEST_STAT + 1]) {
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) return false;
	ssize_t length = read(descriptor, text, LONGEST_STAT);
	close(descriptor);
	if (length <= 0) return false;
	text[length] = '\0';
	return true;
}

static bool read_path(const char *path, struct process_stat *out) {
	char text[LONGEST_STAT + 1];
	return read_text(path, text) && process_stat_parse(text, out);
}

bool process_stat_read(pid_t pid, struct process_stat *out) {
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	return read_path(path, out);
}

/* The line stands among the first ten of /proc/<pid>/status; the kernel writes a newline in the name as \\n. */
bool process_user(pid_t pid, uid_t *user) {
	char path[32], text[LONGEST_STAT + 1];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	const char *line = read_text(path, text) ? strstr(text, "\nUid:") : NULL;
	if (!line) return false;
	line += strlen("\nUid:");
	uint64_t ids[4];
	for (int i = 0; i < 4; i++) {
		if (*line++ != '\t' || !parse_decimal(&line, &ids[i]) || ids[i] != ids[0]) return false;
	}
	*user = (uid_t)ids[0];
	return ids[0] <= UINT32_MAX;
}

process_identity process_identity_of_self(void) {
	struct process_stat self;
	return read_path("/proc/self/stat", &self) && process_number(self.identity) == getpid() ? self.identity : 0;
}

bool process_is_alive(process_identity identity) {
	struct process_stat now;
	return identity && process_stat_read(process_number(identity), &now) && now.identity == identity &&
	       now.state != 'Z' && now.state != 'X';
}
