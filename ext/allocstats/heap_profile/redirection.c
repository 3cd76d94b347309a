#define _GNU_SOURCE
#include "heap_profile/redirection.h"
#include "heap_profile/elf_object.h"
#include "heap_profile/hooks.h"
#include "private_heap.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

struct redirected_slot {
	uintptr_t *address;
	uintptr_t original;
};

struct known_object {
	uintptr_t bias;
	const ElfW(Phdr) * headers;
};

static struct {
	unsigned long long adds, subs; /* the linker's counts of loads and unloads at the last look */
	struct redirected_slot *slots;
	size_t slot_count, slot_capacity;
	bool on, owner_is_libc;
	uintptr_t host;
	bool host_covered;
	struct redirection state;
} now;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void enter(void) {
	pthread_mutex_lock(&lock);
}

static void leave(void) {
	pthread_mutex_unlock(&lock);
}

/* What one walk over the loaded objects has in hand. */
struct walk {
	struct known_object *objects; /* those that were loaded completely when the walk began */
	size_t count, capacity;
	unsigned long long adds, subs;
	bool no_memory;
	const struct elf_object *object; /* the one that is looked at */
	size_t fresh, done, foreign, unwritable;
	bool opened; /* its sealed range was made writable */
};

static bool refuse(const char *sentence, const char *what) {
	snprintf(now.state.refusal, sizeof now.state.refusal, sentence, what);
	return false;
}

static int function_named(const char *name) {
	for (int i = 0; i < HEAP_FUNCTION_COUNT; i++)
		if (name[0] == heap_function_names[i][0] && strcmp(name, heap_function_names[i]) == 0)
			return hook_original((enum heap_function)i) ? i : -1;
	return -1;
}

static bool within(const struct elf_object *object, uintptr_t address) {
	return address >= object->start && address < object->end;
}

static bool is_excluded(const struct elf_object *object) {
	if (within(object, hook_address(HEAP_FUNCTION_malloc))) return true;
	if (within(object, hook_original(HEAP_FUNCTION_malloc))) return !now.owner_is_libc;
	return within(object, (uintptr_t)getauxval(AT_BASE));
}

enum slot_state { SLOT_FRESH, SLOT_DONE, SLOT_FOREIGN, SLOT_UNKNOWN };

/* A function whose address a program takes can have its canonical place in that program: it leads to a slot we see. */
static bool in_main_program(uintptr_t address) {
	uintptr_t start, end;
	return redirection_object_range((const void *)getauxval(AT_PHDR), &start, &end) && address >= start &&
	       address < end;
}

static enum slot_state state_of(const struct elf_object *object, const struct elf_slot *slot, int function) {
	uintptr_t value = __atomic_load_n(slot->address, __ATOMIC_RELAXED);
	if (value == hook_address((enum heap_function)function)) return SLOT_DONE;
	if (value == hook_original((enum heap_function)function)) return SLOT_FRESH;
	if (slot->lazy && within(object, value)) return SLOT_FRESH;
	return value == 0 ? SLOT_UNKNOWN : SLOT_FOREIGN;
}

static void survey_slot(const struct elf_slot *slot, void *data) {
	struct walk *walk = data;
	int function = function_named(slot->name);
	if (function < 0) return;
	switch (state_of(walk->object, slot, function)) {
	case SLOT_FRESH:
		walk->fresh++;
		break;
	case SLOT_DONE:
		walk->done++;
		break;
	case SLOT_FOREIGN:
		if (!in_main_program(*slot->address)) walk->foreign++;
		break;
	case SLOT_UNKNOWN:
		break;
	}
}

static bool open_slot(struct walk *walk, const struct elf_slot *slot) {
	const struct elf_object *object = walk->object;
	uintptr_t address = (uintptr_t)slot->address;
	if (!elf_object_writable(object, address)) return false;
	if (address < object->sealed_start || address >= object->sealed_end || walk->opened) return true;
	void *start = (void *)object->sealed_start;
	walk->opened = mprotect(start, object->sealed_end - object->sealed_start, PROT_READ | PROT_WRITE) == 0;
	return walk->opened;
}

static void seal(struct walk *walk) {
	const struct elf_object *object = walk->object;
	if (walk->opened) mprotect((void *)object->sealed_start, object->sealed_end - object->sealed_start, PROT_READ);
	walk->opened = false;
}

/* What the slot held stays known until the end, so that it can have it back. */
static bool remember(const struct elf_slot *slot, uintptr_t original) {
	for (size_t i = 0; i < now.slot_count; i++)
		if (now.slots[i].address == slot->address) {
			now.slots[i].original = original;
			return true;
		}
	if (now.slot_count == now.slot_capacity) {
		size_t capacity = now.slot_capacity ? now.slot_capacity * 2 : 128;
		void *slots = private_resize(PRIVATE_heap_profile, now.slots, capacity * sizeof *now.slots);
		if (!slots) return false;
		now.slots = slots;
		now.slot_capacity = capacity;
	}
	now.slots[now.slot_count++] = (struct redirected_slot){slot->address, original};
	return true;
}

static void redirect_slot(const struct elf_slot *slot, void *data) {
	struct walk *walk = data;
	int function = function_named(slot->name);
	if (function < 0 || state_of(walk->object, slot, function) != SLOT_FRESH) return;
	uintptr_t value = __atomic_load_n(slot->address, __ATOMIC_RELAXED);
	if (!open_slot(walk, slot)) {
		walk->unwritable++;
		return;
	}
	/* another thread may resolve a lazy slot meanwhile: then what it has found is the original */
	do
		if (!remember(slot, value)) return;
	while (!__atomic_compare_exchange_n(slot->address, &value, hook_address((enum heap_function)function), false,
		__ATOMIC_RELEASE, __ATOMIC_RELAXED));
	walk->done++;
}

static bool was_listed(const struct walk *walk, const struct elf_object *object) {
	for (size_t i = 0; i < walk->count; i++)
		if (walk->objects[i].bias == object->bias && walk->objects[i].headers == object->headers) return true;
	return false;
}

static int redirect_object(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	struct walk *walk = data;
	struct elf_object object;
	if (!elf_object_read(&object, info) || is_excluded(&object) || !was_listed(walk, &object)) return 0;
	walk->object = &object;
	walk->fresh = walk->done = walk->foreign = walk->unwritable = 0;
	elf_object_each_slot(&object, survey_slot, walk);
	if (walk->foreign > 0) {
		now.state.foreign++;
		return 0;
	}
	if (walk->fresh > 0) elf_object_each_slot(&object, redirect_slot, walk);
	seal(walk);
	now.state.objects += walk->done > 0;
	now.state.slots += walk->done;
	now.state.locked += walk->unwritable > 0;
	if (walk->done > 0 && within(&object, now.host)) now.host_covered = true;
	return 0;
}

static int list_object(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	struct walk *walk = data;
	walk->adds = info->dlpi_adds;
	walk->subs = info->dlpi_subs;
	if (walk->adds == now.adds && walk->subs == now.subs) return 1;
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
		void *objects = private_resize(PRIVATE_heap_profile, walk->objects, capacity * sizeof *walk->objects);
		if (!objects) return walk->no_memory = true;
		walk->objects = objects;
		walk->capacity = capacity;
	}
	walk->objects[walk->count++] = (struct known_object){info->dlpi_addr, info->dlpi_phdr};
	return 0;
}

/*
 * An object is in the list before it is relocated, and whoever loads it holds another lock than the list's until it is
 * ready. Going through that lock once makes sure that all that were listed before are.
 */
static void await_loading(void) {
	void *program = dlopen(NULL, RTLD_LAZY);
	if (program) dlclose(program);
}

static enum status look(void) {
	struct walk walk = {0};
	dl_iterate_phdr(list_object, &walk);
	bool fresh = walk.count > 0 && !walk.no_memory;
	if (fresh) {
		await_loading();
		now.adds = walk.adds;
		now.subs = walk.subs;
		now.state.objects = now.state.slots = now.state.foreign = now.state.locked = 0;
		now.host_covered = now.host == 0;
		dl_iterate_phdr(redirect_object, &walk);
	}
	private_free(PRIVATE_heap_profile, walk.objects);
	return walk.no_memory ? STATUS_NO_MEMORY : STATUS_OK;
}

/* Hooks are called for ever by whoever copied their address, so their code must stay. */
static void stay_loaded(void) {
	Dl_info where;
	if (dladdr((const void *)hook_address(HEAP_FUNCTION_malloc), &where) && where.dli_fname)
		(void)dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static bool find_functions(void) {
	struct loaded_object owner;
	if (!ownership_of_malloc(&owner)) return refuse("no loaded object owns malloc%s", "");
	bool bound = hooks_bind(&owner);
	now.owner_is_libc = owner.libc;
	if (owner.main_program)
		bound = refuse(
			"malloc is part of the program itself (%s), whose calls of it go through no table", owner.path);
	else if (!bound)
		refuse("%s has malloc, but not all of calloc, realloc and free", owner.path);
	loaded_object_close(&owner);
	return bound;
}

static void put_back(void);

static enum status begin(uintptr_t host) {
	now.state = (struct redirection){0};
	now.adds = now.subs = ULLONG_MAX;
	now.host = host;
	if (!find_functions()) return STATUS_UNSUPPORTED;
	stay_loaded();
	enum status status = look();
	now.on = status == STATUS_OK && now.state.slots > 0 && now.host_covered;
	if (now.on) return STATUS_OK;
	put_back();
	if (status != STATUS_OK) return status;
	refuse(now.state.locked ? "malloc's slots may not be written to%s"
				: "another tool stands in malloc's slots already%s",
		"");
	return STATUS_UNSUPPORTED;
}

enum status redirection_begin(const void *host, struct redirection *out) {
	static bool prepared;
	enter();
	if (!prepared) pthread_atfork(enter, leave, leave);
	prepared = true;
	enum status status = begin((uintptr_t)host);
	*out = now.state;
	leave();
	return status;
}

enum status redirection_follow(struct redirection *out) {
	enum status status = STATUS_OK;
	if (pthread_mutex_trylock(&lock) != 0) return status;
	if (now.on) status = look();
	*out = now.state;
	leave();
	return status;
}

static const struct redirected_slot *remembered(const uintptr_t *address) {
	for (size_t i = 0; i < now.slot_count; i++)
		if (now.slots[i].address == address) return &now.slots[i];
	return NULL;
}

static void restore_slot(const struct elf_slot *slot, void *data) {
	struct walk *walk = data;
	int function = function_named(slot->name);
	const struct redirected_slot *known = function < 0 ? NULL : remembered(slot->address);
	if (!known) return;
	uintptr_t original = hook_original((enum heap_function)function),
		  hook = hook_address((enum heap_function)function);
	uintptr_t value = __atomic_load_n(slot->address, __ATOMIC_RELAXED);
	if (value != hook) {
		/* of an object that was unloaded and loaded again it is as the linker made it */
		bool fresh =
			value == known->original || value == original || (slot->lazy && within(walk->object, value));
		now.state.changed += !fresh;
		return;
	}
	if (open_slot(walk, slot) && __atomic_compare_exchange_n(slot->address, &value, known->original, false,
					     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return;
	now.state.changed++;
}

static int restore_object(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	struct walk *walk = data;
	struct elf_object object;
	if (!elf_object_read(&object, info) || is_excluded(&object)) return 0;
	walk->object = &object;
	elf_object_each_slot(&object, restore_slot, walk);
	seal(walk);
	return 0;
}

static void put_back(void) {
	struct walk walk = {0};
	now.state.changed = 0;
	dl_iterate_phdr(restore_object, &walk);
	now.state.objects = now.state.slots = 0;
	private_free(PRIVATE_heap_profile, now.slots);
	now.slots = NULL;
	now.slot_count = now.slot_capacity = 0;
	now.on = false;
}

void redirection_end(struct redirection *out) {
	enter();
	put_back();
	*out = now.state;
	leave();
}

struct range {
	uintptr_t address, start, end;
};

static int find_range(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	struct range *range = data;
	struct elf_object object;
	elf_object_read(&object, info);
	if (!within(&object, range->address)) return 0;
	range->start = object.start;
	range->end = object.end;
	return 1;
}

bool redirection_object_range(const void *address, uintptr_t *start, uintptr_t *end) {
	struct range range = {.address = (uintptr_t)address};
	if (!dl_iterate_phdr(find_range, &range)) return false;
	*start = range.start;
	*end = range.end;
	return true;
}
