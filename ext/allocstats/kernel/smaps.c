#include "smaps.h"
#include "private_heap.h"

#include <string.h>

const struct mapping_description mapping_figure_descriptions[MAPPING_FIGURE_COUNT] = {
#define MAPPING_FIGURE(name, field, definition) {#name, field, definition},
#include "mapping_figures.def"
#undef MAPPING_FIGURE
};

const struct mapping_description mapping_kind_descriptions[MAPPING_KIND_COUNT] = {
#define MAPPING_KIND(name, definition) {#name, NULL, definition},
#include "mapping_kinds.def"
#undef MAPPING_KIND
};

static const struct {
	const char *prefix;
	enum mapping_kind kind;
} names[] = {
#define MAPPING_NAME(prefix, kind) {prefix, MAPPING_KIND_##kind},
#include "mapping_names.def"
#undef MAPPING_NAME
};

const struct mapping_figures mapping_figures_zero = {.present = MAPPING_FIGURES_ALL};

void mapping_figures_add(struct mapping_figures *sum, const struct mapping_figures *more) {
	sum->present &= more->present;
	for (unsigned i = 0; i < MAPPING_FIGURE_COUNT; i++) {
		if (!(sum->present >> i & 1)) continue;
		if (__builtin_add_overflow(sum->value[i], more->value[i], &sum->value[i])) sum->present &= ~(1u << i);
	}
}

static const size_t field_lengths[MAPPING_FIGURE_COUNT] = {
#define MAPPING_FIGURE(name, field, definition) sizeof(field) - 1,
#include "mapping_figures.def"
#undef MAPPING_FIGURE
};

/*
 * "Private_Dirty:       116 kB"; false for what is no such line at all. Fields that are not ours are passed over. There
 * are two dozen such lines for each mapping, so lengths are compared before names.
 */
static bool parse_field(const char *line, struct mapping_figures *out) {
	size_t length = strcspn(line, ": ");
	if (line[length] != ':' || length == 0) return false;
	for (unsigned i = 0; i < MAPPING_FIGURE_COUNT; i++) {
		if (field_lengths[i] != length || memcmp(line, mapping_figure_descriptions[i].field, length) != 0)
			continue;
		if (parse_kilobytes(line + length + 1, &out->value[i])) out->present |= 1u << i;
		return true;
	}
	return true;
}

static bool skip_blank(const char **cursor) {
	size_t length = strspn(*cursor, " ");
	*cursor += length;
	return length > 0;
}

/* "rw-p" */
static bool parse_permissions(const char **cursor, unsigned *traits) {
	const char *text = *cursor;
	static const char letters[] = "rwx";
	for (unsigned i = 0; i < 3; i++) {
		if (text[i] == letters[i])
			*traits |= 1u << i;
		else if (text[i] != '-')
			return false;
	}
	if (text[3] != 'p' && text[3] != 's') return false;
	if (text[3] == 's') *traits |= MAPPING_SHARED;
	*cursor = text + 4;
	return true;
}

/* "[anon:jemalloc_pg]", "[anon: glibc: malloc arena]": whichever allocator named it, it said what it is. */
static bool is_named_malloc(const char *name) {
	return text_after(name, "[anon:") && strstr(name, "malloc");
}

static void set_kind(struct mapping *out, enum mapping_kind kind) {
	out->traits |= MAPPING_NAMED;
	out->kind = kind;
}

static void parse_name(const char *name, struct mapping *out) {
	bool huge = text_after(name, "/anon_hugepage") && !(out->traits & MAPPING_SHARED); /* by MAP_HUGETLB */
	if (huge || (*name == '\0' && out->inode == 0)) out->traits |= MAPPING_NAMELESS;
	if (huge) return;
	if (*name == '/') out->traits |= MAPPING_OF_FILE;
	if (text_after(name, "[heap]")) out->traits |= MAPPING_BRK;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (text_after(name, names[i].prefix)) return set_kind(out, names[i].kind);
	}
	if (is_named_malloc(name)) set_kind(out, MAPPING_KIND_malloc);
}

/* "7f00-7f10 r-xp 00001000 fe:00 248069     /usr/bin/ruby3.1" */
static bool parse_header(const char *line, struct mapping *out) {
	uint64_t offset, major, minor;
	*out = (struct mapping){0};
	if (!parse_hexadecimal(&line, &out->start) || *line++ != '-') return false;
	if (!parse_hexadecimal(&line, &out->end) || !skip_blank(&line)) return false;
	if (!parse_permissions(&line, &out->traits) || !skip_blank(&line)) return false;
	if (!parse_hexadecimal(&line, &offset) || !skip_blank(&line)) return false;
	if (!parse_hexadecimal(&line, &major) || *line++ != ':') return false;
	if (!parse_hexadecimal(&line, &minor) || !skip_blank(&line)) return false;
	if (!parse_decimal(&line, &out->inode) || (*line != '\0' && !skip_blank(&line))) return false;
	out->device = major << 32 | minor;
	parse_name(line, out);
	return out->start < out->end;
}

/* "VmFlags: rd wr mr mw me ac gu" */
static void parse_flags(const char *line, struct mapping *out) {
	const char *flags = text_after(line, "VmFlags:");
	if (flags && strstr(flags, " gu")) out->traits |= MAPPING_GUARDED;
	if (flags && strstr(flags, " nh")) out->traits |= MAPPING_NO_HUGE;
}

/*
 * The kernel gives up its lock between two reads of smaps. A mapping that grew or merged in between is listed again and
 * takes in what was listed before it: the later line counts, so that no page counts twice.
 */
static void drop_overlapped(struct mappings *mappings, uint64_t start) {
	while (mappings->count > 0 && mappings->items[mappings->count - 1].end > start) mappings->count--;
}

/* Addresses only rise: a mapping that lies below all that was listed last is no mapping of this process. */
static bool is_in_order(const struct mappings *mappings, const struct mapping *next) {
	return mappings->count == 0 || next->end > mappings->items[mappings->count - 1].start;
}

static struct mapping *append(struct mappings *mappings, const struct mapping *mapping) {
	drop_overlapped(mappings, mapping->start);
	if (mappings->count == mappings->capacity) {
		size_t capacity = mappings->capacity ? mappings->capacity * 2 : 512;
		struct mapping *items =
			private_resize(PRIVATE_readings, mappings->items, capacity * sizeof *mappings->items);
		if (!items) return NULL;
		mappings->items = items;
		mappings->capacity = capacity;
	}
	struct mapping *last = &mappings->items[mappings->count++];
	*last = *mapping;
	return last;
}

struct reading smaps_read(const char *root, const char *process, struct mappings *out) {
	struct line_reader reader;
	struct mapping *current = NULL, header;
	const char *line;

	*out = (struct mappings){0};
	line_reader_open(&reader, root, process, "smaps");
	while ((line = line_reader_next(&reader))) {
		if (current && parse_field(line, &current->figures)) {
			parse_flags(line, current);
		} else if (!parse_header(line, &header) || !is_in_order(out, &header)) {
			line_reader_malformed(&reader);
		} else if (!(current = append(out, &header))) {
			line_reader_close(&reader);
			return (struct reading){.status = STATUS_NO_MEMORY};
		}
	}
	return line_reader_close(&reader);
}

void mappings_free(struct mappings *mappings) {
	private_free(PRIVATE_readings, mappings->items);
	*mappings = (struct mappings){0};
}

const struct mapping *mappings_find(const struct mappings *mappings, uint64_t address) {
	size_t low = 0, high = mappings->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (mappings->items[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < mappings->count && mappings->items[low].start <= address ? &mappings->items[low] : NULL;
}

struct reading smaps_rollup_read(const char *root, const char *process, struct mapping_figures *out) {
	struct line_reader reader;
	struct mapping header;
	const char *line;

	*out = (struct mapping_figures){0};
	line_reader_open(&reader, root, process, "smaps_rollup");
	while ((line = line_reader_next(&reader))) {
		bool good = reader.reading.line == 1 ? parse_header(line, &header) : parse_field(line, out);
		if (!good) line_reader_malformed(&reader);
	}
	return line_reader_close(&reader);
}
