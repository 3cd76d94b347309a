#define _GNU_SOURCE
#include "ownership.h"
#include "allocator.h"
#include "private_heap.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

const char *const owned_function_names[OWNED_FUNCTION_COUNT] = {
#define OWNED_FUNCTION(name) #name,
#include "owned_functions.def"
#undef OWNED_FUNCTION
};

static char *copy_string(const char *string) {
	size_t bytes = strlen(string) + 1;
	char *copy = private_alloc(PRIVATE_ownership, bytes);
	if (copy) memcpy(copy, string, bytes);
	return copy;
}

static uintptr_t lowest_address(const struct dl_phdr_info *info) {
	uintptr_t lowest = UINTPTR_MAX;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_vaddr < lowest)
			lowest = (uintptr_t)info->dlpi_phdr[i].p_vaddr;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	return lowest == UINTPTR_MAX ? 0 : (info->dlpi_addr + lowest) & ~(page - 1);
}

void *owner_symbol(const struct loaded_object *object, const char *name) {
	Dl_info where;
	void *address = object->handle ? dlsym(object->handle, name) : NULL;
	/* dlsym also finds what the object's dependencies define: that would be another allocator's function */
	if (!address || !dladdr(address, &where) || (uintptr_t)where.dli_fbase != object->base) return NULL;
	return address;
}

static char *main_program_path(void) {
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length <= 0) return copy_string("(the executable)");
	path[length] = '\0';
	return copy_string(path);
}

/*
 * Opens no new object: RTLD_NOLOAD only gives a handle of one that is loaded. It has none for the main program, which
 * musl names, nor for what the kernel maps, which has no name there.
 */
static bool open_object(struct loaded_object *object, const char *linker_name, bool main_program) {
	object->main_program = main_program;
	if (!main_program && linker_name[0] == '\0') return false;
	object->handle = main_program ? dlopen(NULL, RTLD_LAZY) : dlopen(linker_name, RTLD_LAZY | RTLD_NOLOAD);
	if (!object->handle) return false;
	object->libc = owner_symbol(object, "getauxval") && owner_symbol(object, "fopen");
	for (size_t i = 0; i < ALLOCATOR_COUNT; i++)
		if (allocators[i]->mark && owner_symbol(object, allocators[i]->mark))
			object->carries |= UINT32_C(1) << i;
	object->path = object->main_program ? main_program_path() : copy_string(linker_name);
	return object->path != NULL;
}

void loaded_object_close(struct loaded_object *object) {
	if (object->handle) dlclose(object->handle);
	private_free(PRIVATE_ownership, object->path);
	*object = (struct loaded_object){0};
}

struct object_name {
	char *name;
	uintptr_t base;
};

/*
 * The names and bases of all loaded objects, of which the main program is the first (dl_iterate_phdr(3)): taken under
 * the linker's lock, opened after it is released.
 */
struct object_names {
	struct object_name *rows;
	size_t count, capacity;
	bool failed;
};

static int remember_name(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	struct object_names *names = data;
	if (names->count == names->capacity) {
		size_t capacity = names->capacity ? names->capacity * 2 : 64;
		void *rows = private_resize(PRIVATE_ownership, names->rows, capacity * sizeof *names->rows);
		if (!rows) return names->failed = true;
		names->rows = rows;
		names->capacity = capacity;
	}
	char *name = copy_string(info->dlpi_name ? info->dlpi_name : "");
	if (!name) return names->failed = true;
	names->rows[names->count].name = name;
	names->rows[names->count++].base = lowest_address(info);
	return 0;
}

static void free_names(struct object_names *names) {
	for (size_t i = 0; i < names->count; i++) private_free(PRIVATE_ownership, names->rows[i].name);
	private_free(PRIVATE_ownership, names->rows);
}

/* Where the global search order finds each function; 0 where it finds none. */
static void find_owner_bases(uintptr_t bases[OWNED_FUNCTION_COUNT]) {
	for (size_t i = 0; i < OWNED_FUNCTION_COUNT; i++) {
		Dl_info where;
		void *address = dlsym(RTLD_DEFAULT, owned_function_names[i]);
		bases[i] = address && dladdr(address, &where) ? (uintptr_t)where.dli_fbase : 0;
	}
}

static bool owns_something(const uintptr_t bases[OWNED_FUNCTION_COUNT], uintptr_t base) {
	for (size_t i = 0; i < OWNED_FUNCTION_COUNT; i++)
		if (bases[i] == base) return true;
	return false;
}

static enum status open_relevant_objects(
	struct ownership *out, const struct object_names *names, const uintptr_t bases[OWNED_FUNCTION_COUNT]) {
	out->objects = private_alloc(PRIVATE_ownership, names->count * sizeof *out->objects);
	if (!out->objects) return STATUS_NO_MEMORY;
	for (size_t i = 0; i < names->count; i++) {
		struct loaded_object *object = &out->objects[out->object_count];
		object->base = names->rows[i].base;
		if (open_object(object, names->rows[i].name, i == 0) &&
			(object->carries || owns_something(bases, object->base)))
			out->object_count++;
		else
			loaded_object_close(object);
	}
	return STATUS_OK;
}

enum status ownership_read(struct ownership *out) {
	*out = (struct ownership){0};
	struct object_names names = {0};
	uintptr_t bases[OWNED_FUNCTION_COUNT];
	find_owner_bases(bases);
	dl_iterate_phdr(remember_name, &names);
	enum status status = names.failed ? STATUS_NO_MEMORY : open_relevant_objects(out, &names, bases);
	free_names(&names);
	for (size_t i = 0; i < OWNED_FUNCTION_COUNT; i++) {
		out->owner[i] = -1;
		for (size_t j = 0; j < out->object_count; j++)
			if (bases[i] && out->objects[j].base == bases[i]) out->owner[i] = (int)j;
	}
	return status;
}

void ownership_free(struct ownership *ownership) {
	for (size_t i = 0; i < ownership->object_count; i++) loaded_object_close(&ownership->objects[i]);
	private_free(PRIVATE_ownership, ownership->objects);
	*ownership = (struct ownership){0};
}

enum status ownership_each_loaded(void (*visit)(const char *name, void *data), void *data) {
	struct object_names names = {0};
	dl_iterate_phdr(remember_name, &names);
	if (names.count > 0) visit("", data);
	for (size_t i = 1; i < names.count; i++)
		if (names.rows[i].name[0] != '\0') visit(names.rows[i].name, data);
	free_names(&names);
	return names.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

bool ownership_of_malloc(struct loaded_object *out) {
	struct ownership ownership;
	bool found = ownership_read(&ownership) == STATUS_OK && ownership.owner[OWNED_malloc] >= 0;
	if (found) {
		struct loaded_object *owner = &ownership.objects[ownership.owner[OWNED_malloc]];
		*out = *owner;
		/* handle and path now belong to *out */
		owner->handle = NULL;
		owner->path = NULL;
	}
	ownership_free(&ownership);
	return found;
}
