#include "mappings.h"
#include "private_heap.h"

struct code_file {
	uint64_t device, inode;
};

/* The distinct files of which some mapping may be executed. */
struct code_files {
	struct code_file *items;
	size_t count;
};

static bool is_code(const struct code_files *files, const struct mapping *mapping) {
	/* From the end: the parts of an executable lie together, so the file asked for was mostly found last. */
	for (size_t i = files->count; i-- > 0;) {
		if (files->items[i].inode == mapping->inode && files->items[i].device == mapping->device) return true;
	}
	return false;
}

static struct code_files find_code_files(const struct mappings *mappings) {
	const unsigned wanted = MAPPING_OF_FILE | MAPPING_EXECUTABLE;
	struct code_files files = {0};
	size_t room = 0;
	for (size_t i = 0; i < mappings->count; i++) room += (mappings->items[i].traits & wanted) == wanted;
	files.items = private_alloc(PRIVATE_readings, room * sizeof *files.items);
	for (size_t i = 0; files.items && i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];
		if ((mapping->traits & wanted) != wanted || is_code(&files, mapping)) continue;
		files.items[files.count++] = (struct code_file){mapping->device, mapping->inode};
	}
	return files;
}

static enum mapping_kind kind_of(const struct mapping *mapping, const struct code_files *files, bool brk_is_malloc) {
	if (mapping->traits & MAPPING_NAMED) return mapping->kind;
	if (mapping->traits & MAPPING_OF_FILE) return is_code(files, mapping) ? MAPPING_KIND_code : MAPPING_KIND_file;
	if (mapping->traits & MAPPING_BRK) return brk_is_malloc ? MAPPING_KIND_malloc : MAPPING_KIND_other;
	if (mapping->traits & MAPPING_EXECUTABLE) return MAPPING_KIND_jit;
	return MAPPING_KIND_other;
}

void mappings_classify(struct mappings *mappings, bool brk_is_malloc) {
	struct code_files files = find_code_files(mappings);
	for (size_t i = 0; i < mappings->count; i++) {
		mappings->items[i].kind = kind_of(&mappings->items[i], &files, brk_is_malloc);
	}
	private_free(PRIVATE_readings, files.items);
}
