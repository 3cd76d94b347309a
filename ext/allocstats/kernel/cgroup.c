#include "cgroup.h"
#include "cgroup_mounts.h"

#include <errno.h>
#include <string.h>

const struct cgroup_source cgroup_sources[CGROUP_FIGURE_COUNT] = {
#define CGROUP_FIGURE(name, v2_file, v2_key, v1_file, v1_key) {#name, {{v1_file, v1_key}, {v2_file, v2_key}}},
#include "cgroup_figures.def"
#undef CGROUP_FIGURE
};

/* v1 counts pages in a signed long: its largest limit is what nobody has set. */
static const uint64_t V1_UNLIMITED = (uint64_t)INT64_MAX - (64 << 10);

static const char *file_of(enum cgroup_figure figure, int version) {
	return cgroup_sources[figure].in[version - 1].file;
}

static bool is_limit(enum cgroup_figure figure) {
	const char *name = cgroup_sources[figure].name;
	return figure == CGROUP_FIGURE_high || strstr(name, "limit");
}

/* Digits and nothing after them; for a limit also "max", or more than anything can be. */
static bool parse_value(const char *text, enum cgroup_figure figure, uint64_t *out) {
	bool is_max = strcmp(text, "max") == 0;
	if (!is_max && (!parse_decimal(&text, out) || *text != '\0')) return false;
	if (!is_max && *out < V1_UNLIMITED) return true;
	*out = CGROUP_UNLIMITED;
	return is_limit(figure);
}

/* What follows a line's key, or the line where there is none; NULL for another key's line. */
static const char *value_after_key(const char *line, const char *key) {
	const char *rest = key ? text_after(line, key) : line;
	if (!key) return rest;
	return rest && *rest == ' ' ? rest + 1 : NULL;
}

/* Takes from a line all figures of the version that stand in this file. */
static void take_line(const char *line, const char *file, int version, struct cgroup_value *values, uint64_t number) {
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		const char *other = file_of(i, version);
		if (!other || strcmp(other, file) != 0) continue;
		if (values[i].reading.status != STATUS_UNSUPPORTED) continue; /* the first line of its kind counts */
		const char *text = value_after_key(line, cgroup_sources[i].in[version - 1].key);
		if (!text) continue;
		bool good = parse_value(text, i, &values[i].number);
		values[i].reading = (struct reading){
			.status = good ? STATUS_OK : STATUS_MALFORMED,
			.line = good ? 0 : number,
		};
	}
}

/* Reads one file into all figures that stand in it. */
static void read_file(
	const char *root, const char *folder, const char *file, int version, struct cgroup_value *values) {
	struct line_reader reader;
	const char *line;
	line_reader_open(&reader, root, folder, file);
	while ((line = line_reader_next(&reader))) take_line(line, file, version, values, reader.reading.line);
	struct reading reading = line_reader_close(&reader);
	if (reading.status == STATUS_OK) return;
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		const char *other = file_of(i, version);
		if (other && strcmp(other, file) == 0) values[i].reading = reading;
	}
}

static void read_values(const char *root, struct cgroup *out) {
	const char *last = NULL;
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		const char *file = file_of(i, out->version);
		if (!file || (last && strcmp(file, last) == 0)) continue;
		read_file(root, out->path, file, out->version, out->values);
		last = file;
	}
}

static bool has_file(const char *root, const char *folder, const char *file) {
	struct line_reader reader;
	bool there = line_reader_open(&reader, root, folder, file);
	int error = reader.reading.error;
	line_reader_close(&reader);
	return there || (error != ENOENT && error != ENOTDIR);
}

/* Cuts the last part off a folder's path; false at the mount point, which is the highest that can be seen. */
static bool go_up(char *folder, const char *mount_point) {
	char *slash = strrchr(folder, '/');
	if (strlen(folder) <= strlen(mount_point) || !slash) return false;
	*slash = '\0';
	if (folder[0] == '\0') folder[0] = '/', folder[1] = '\0';
	return true;
}

/*
 * In v2 a group may lack the memory controller while one above it has it: memory is then charged to that one. Both
 * versions have memory.stat wherever the controller is.
 */
static bool find_charged(const char *root, const struct cgroup_place *place, char path[PATH_MAX]) {
	if (place->folder[0] == '\0') return false;
	memcpy(path, place->folder, PATH_MAX);
	do {
		if (has_file(root, path, "memory.stat")) return true;
	} while (go_up(path, place->mount_point));
	return false;
}

static void consider_limit(const struct cgroup_value *value, unsigned levels_up, struct cgroup_limit *limit) {
	bool is_smaller = limit->value.reading.status != STATUS_OK || value->number < limit->value.number;
	if (value->reading.status == STATUS_OK && is_smaller) {
		limit->value = *value;
		limit->levels_up = levels_up;
	}
	/* The topmost group has no limits, and a group without the controller neither: their files are not there. */
	bool is_absent = value->reading.status == STATUS_UNREADABLE && value->reading.error == ENOENT;
	bool is_refusal = value->reading.status == STATUS_UNREADABLE || value->reading.status == STATUS_MALFORMED;
	if (is_refusal && !is_absent && limit->refused.status == STATUS_OK) {
		limit->refused = value->reading;
		limit->refused_levels_up = levels_up;
	}
}

/* The smallest of one limit from the charged group up to the mount point. */
static void climb(const char *root, const struct cgroup *cgroup, const struct cgroup_place *place,
	enum cgroup_figure figure, struct cgroup_limit *out) {
	char folder[PATH_MAX];
	unsigned levels_up = 0;
	const char *file = file_of(figure, cgroup->version);

	*out = (struct cgroup_limit){.value.reading.status = STATUS_UNSUPPORTED};
	if (!file) return;
	memcpy(folder, cgroup->path, PATH_MAX);
	out->value = cgroup->values[figure];
	consider_limit(&cgroup->values[figure], levels_up++, out);
	while (go_up(folder, place->mount_point)) {
		struct cgroup_value values[CGROUP_FIGURE_COUNT] = {0};
		for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) values[i].reading.status = STATUS_UNSUPPORTED;
		read_file(root, folder, file, cgroup->version, values);
		consider_limit(&values[figure], levels_up++, out);
	}
}

/* "avg10=1.53" in hundredths */
static bool parse_average(const char **cursor, const char *name, uint64_t *out) {
	const char *text = text_after(*cursor, name);
	uint64_t whole, hundredths;
	if (!text || !parse_decimal(&text, &whole) || whole > 100 || *text++ != '.') return false;
	const char *digits = text;
	if (!parse_decimal(&text, &hundredths) || text != digits + 2 || *text++ != ' ') return false;
	*out = whole * 100 + hundredths;
	*cursor = text;
	return true;
}

/* "avg10=0.00 avg60=0.12 avg300=0.05 total=123456" */
static bool parse_pressure(const char *text, uint64_t out[PRESSURE_FIELDS]) {
	if (!parse_average(&text, "avg10=", &out[PRESSURE_AVG10])) return false;
	if (!parse_average(&text, "avg60=", &out[PRESSURE_AVG60])) return false;
	if (!parse_average(&text, "avg300=", &out[PRESSURE_AVG300])) return false;
	text = text_after(text, "total=");
	return text && parse_decimal(&text, &out[PRESSURE_TOTAL]) && *text == '\0';
}

static void read_pressure(const char *root, const struct cgroup_place *unified, struct cgroup *out) {
	struct line_reader reader;
	const char *line;

	if (unified->folder[0] == '\0') return;
	memcpy(out->pressure_path, out->version == 2 ? out->path : unified->folder, PATH_MAX);
	line_reader_open(&reader, root, out->pressure_path, "memory.pressure");
	while ((line = line_reader_next(&reader))) {
		const char *some = text_after(line, "some "), *full = text_after(line, "full ");
		if (some && parse_pressure(some, out->pressure.some))
			out->pressure.has_some = true;
		else if (full && parse_pressure(full, out->pressure.full))
			out->pressure.has_full = true;
		else
			line_reader_malformed(&reader);
	}
	out->pressure.reading = line_reader_close(&reader);
}

/* So that whatever is not read is absent, and not a zero that was read well. */
static void clear(struct cgroup *out) {
	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) out->values[i].reading.status = STATUS_UNSUPPORTED;
	out->limit.value.reading.status = STATUS_UNSUPPORTED;
	out->high.value.reading.status = STATUS_UNSUPPORTED;
	out->swap_limit.value.reading.status = STATUS_UNSUPPORTED;
	out->pressure.reading.status = STATUS_UNSUPPORTED;
}

void cgroup_read(const char *root, const char *process, struct cgroup *out) {
	const struct cgroup_place *place = &out->places.memory_v1;

	clear(out);
	cgroup_places_find(root, process, &out->places, &out->membership, &out->mounts);
	if (find_charged(root, &out->places.memory_v1, out->path)) {
		out->version = 1;
	} else if (find_charged(root, &out->places.unified, out->path)) {
		out->version = 2;
		place = &out->places.unified;
	} else {
		out->path[0] = '\0';
	}
	if (out->version) {
		read_values(root, out);
		climb(root, out, place, CGROUP_FIGURE_limit, &out->limit);
		climb(root, out, place, CGROUP_FIGURE_high, &out->high);
		climb(root, out, place, CGROUP_FIGURE_swap_limit, &out->swap_limit);
	}
	read_pressure(root, &out->places.unified, out);
}
