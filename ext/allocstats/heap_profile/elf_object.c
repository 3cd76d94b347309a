#define _GNU_SOURCE
#include "heap_profile/elf_object.h"

#include <elf.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { RELOCATION_JUMP = R_X86_64_JUMP_SLOT, RELOCATION_DATA = R_X86_64_GLOB_DAT, RELOCATION_WORD = R_X86_64_64 };
#elif defined(__aarch64__)
enum { RELOCATION_JUMP = R_AARCH64_JUMP_SLOT, RELOCATION_DATA = R_AARCH64_GLOB_DAT, RELOCATION_WORD = R_AARCH64_ABS64 };
#else
enum { RELOCATION_JUMP = -1, RELOCATION_DATA = -1, RELOCATION_WORD = -1 };
#endif

static void read_ranges(struct elf_object *out) {
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	out->start = UINTPTR_MAX;
	for (size_t i = 0; i < out->header_count; i++) {
		const ElfW(Phdr) *header = &out->headers[i];
		uintptr_t start = out->bias + header->p_vaddr, end = start + header->p_memsz;
		if (header->p_type == PT_LOAD) {
			if (start < out->start) out->start = start & ~(page - 1);
			if (end > out->end) out->end = (end + page - 1) & ~(page - 1);
		} else if (header->p_type == PT_GNU_RELRO) {
			/* as the dynamic linker rounds it: a page that is only begun stays writable */
			out->sealed_start = start & ~(page - 1);
			out->sealed_end = end & ~(page - 1);
		}
	}
}

static const ElfW(Dyn) * dynamic_section(const struct elf_object *object) {
	for (size_t i = 0; i < object->header_count; i++)
		if (object->headers[i].p_type == PT_DYNAMIC)
			return (const ElfW(Dyn) *)(object->bias + object->headers[i].p_vaddr);
	return NULL;
}

/* glibc has made addresses of the section's offsets when it loaded the object, musl has not. */
static const void *pointer_of(const struct elf_object *object, const ElfW(Dyn) * entry) {
	uintptr_t value = (uintptr_t)entry->d_un.d_ptr;
	if (value < object->start) value += object->bias;
	return value >= object->start && value < object->end ? (const void *)value : NULL;
}

bool elf_object_read(struct elf_object *out, const struct dl_phdr_info *info) {
	*out = (struct elf_object){
		.headers = info->dlpi_phdr, .header_count = info->dlpi_phnum, .bias = info->dlpi_addr};
	read_ranges(out);
	const ElfW(Dyn) *entry = dynamic_section(out);
	bool with_addends = false;
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		size_t count = (size_t)entry->d_un.d_val / sizeof(ElfW(Rela));
		switch (entry->d_tag) {
		case DT_SYMTAB:
			out->symbols = pointer_of(out, entry);
			break;
		case DT_STRTAB:
			out->names = pointer_of(out, entry);
			break;
		case DT_STRSZ:
			out->names_bytes = (size_t)entry->d_un.d_val;
			break;
		case DT_RELA:
			out->relocations[0].items = pointer_of(out, entry);
			break;
		case DT_RELASZ:
			out->relocations[0].count = count;
			break;
		case DT_JMPREL:
			out->relocations[1].items = pointer_of(out, entry);
			break;
		case DT_PLTRELSZ:
			out->relocations[1].count = count;
			break;
		case DT_PLTREL:
			with_addends = entry->d_un.d_val == DT_RELA;
			break;
		default:
			break;
		}
	}
	if (!with_addends) out->relocations[1].items = NULL;
	return out->symbols && out->names && (out->relocations[0].items || out->relocations[1].items);
}

static bool slot_of(const struct elf_object *object, const ElfW(Rela) * relocation, struct elf_slot *slot) {
	unsigned type = (unsigned)ELF64_R_TYPE(relocation->r_info);
	size_t symbol = (size_t)ELF64_R_SYM(relocation->r_info);
	if (type != RELOCATION_JUMP && type != RELOCATION_DATA && type != RELOCATION_WORD) return false;
	if (symbol == 0 || relocation->r_addend != 0) return false;
	uintptr_t address = object->bias + relocation->r_offset;
	if (address < object->start || address > object->end - sizeof(uintptr_t) || address % sizeof(uintptr_t) != 0)
		return false;
	size_t name = object->symbols[symbol].st_name;
	if (name >= object->names_bytes) return false;
	*slot = (struct elf_slot){(uintptr_t *)address, object->names + name, type == RELOCATION_JUMP};
	return true;
}

void elf_object_each_slot(
	const struct elf_object *object, void (*visit)(const struct elf_slot *slot, void *data), void *data) {
	struct elf_slot slot;
	for (size_t table = 0; table < 2; table++)
		for (size_t i = 0; object->relocations[table].items && i < object->relocations[table].count; i++)
			if (slot_of(object, &object->relocations[table].items[i], &slot)) visit(&slot, data);
}

bool elf_object_writable(const struct elf_object *object, uintptr_t address) {
	for (size_t i = 0; i < object->header_count; i++) {
		const ElfW(Phdr) *header = &object->headers[i];
		uintptr_t start = object->bias + header->p_vaddr;
		if (header->p_type == PT_LOAD && address >= start && address < start + header->p_memsz)
			return (header->p_flags & PF_W) != 0;
	}
	return false;
}
