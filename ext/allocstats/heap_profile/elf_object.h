/* A loaded object's relocations: which of its slots the dynamic linker fills with which function. */
#ifndef ALLOCSTATS_HEAP_PROFILE_ELF_OBJECT_H
#define ALLOCSTATS_HEAP_PROFILE_ELF_OBJECT_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_object {
	const ElfW(Phdr) * headers;
	size_t header_count;
	uintptr_t bias;                     /* what is added to the object's own addresses */
	uintptr_t start, end;               /* all that it maps */
	uintptr_t sealed_start, sealed_end; /* what the dynamic linker made read-only after it had filled it in */
	const ElfW(Sym) * symbols;
	const char *names;
	size_t names_bytes;
	struct {
		const ElfW(Rela) * items;
		size_t count;
	} relocations[2]; /* .rela.dyn and .rela.plt */
};

/* False for an object that has nothing to relocate by name. */
bool elf_object_read(struct elf_object *out, const struct dl_phdr_info *info);

struct elf_slot {
	uintptr_t *address;
	const char *name; /* of the symbol that it is filled with */
	bool lazy;        /* it may not be filled yet */
};
/* Visits the slots that hold an address of a named symbol as it is. */
void elf_object_each_slot(
	const struct elf_object *object, void (*visit)(const struct elf_slot *slot, void *data), void *data);

/* Whether the object's own headers say that this address is written to. */
bool elf_object_writable(const struct elf_object *object, uintptr_t address);

#endif
