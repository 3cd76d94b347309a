#define _GNU_SOURCE
#include "heap_profile/stack_table.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_FRAMES = 1 << 18, MOST_NODES = 1 << 20, MOST_SITES = 1 << 18, MOST_THREADS = 1 << 12, LINE_BITS = 19 };

void stack_table_init(struct stack_table *table) {
	*table = (struct stack_table){
		.frames = {.record_bytes = sizeof(struct frame), .limit = MOST_FRAMES},
		.nodes = {.record_bytes = sizeof(struct stack_node), .limit = MOST_NODES},
		.sites = {.record_bytes = sizeof(struct site), .limit = MOST_SITES},
		.threads = {.record_bytes = sizeof(struct thread_row), .limit = MOST_THREADS},
	};
}

void stack_table_clear(struct stack_table *table) {
	pool_clear(&table->frames);
	pool_clear(&table->nodes);
	pool_clear(&table->sites);
	pool_clear(&table->threads);
	id_index_clear(&table->frame_index);
	id_index_clear(&table->node_index);
	id_index_clear(&table->site_index);
}

/* A code object is aligned to eight bytes in an address space of 48 bits: with its line that is a number of 64 bits. */
static uint64_t frame_key(uintptr_t code, int line) {
	uint64_t bounded = (uint64_t)line & ((1 << LINE_BITS) - 1);
	return mix_bits((uint64_t)code >> 3 << LINE_BITS ^ bounded);
}

static uint32_t frame_of(struct stack_table *table, uintptr_t code, int line) {
	uint64_t key = frame_key(code, line);
	uint32_t id = id_index_find(&table->frame_index, key);
	if (id != NO_ID) return id;
	id = pool_add(&table->frames);
	if (id == POOL_FULL) return NO_ID;
	*(struct frame *)pool_at(&table->frames, id) = (struct frame){code, line};
	return id_index_add(&table->frame_index, key, id) ? id : NO_ID;
}

static uint32_t node_of(struct stack_table *table, uint32_t parent, uint32_t frame) {
	uint64_t key = mix_bits((uint64_t)parent << 32 | frame);
	uint32_t id = id_index_find(&table->node_index, key);
	if (id != NO_ID) return id;
	id = pool_add(&table->nodes);
	if (id == POOL_FULL) return NO_ID;
	*(struct stack_node *)pool_at(&table->nodes, id) = (struct stack_node){parent, frame};
	return id_index_add(&table->node_index, key, id) ? id : NO_ID;
}

static bool plant(struct stack_table *table, const struct stack *stack, uint32_t *leaf) {
	*leaf = NO_ID;
	for (uint32_t i = stack->depth; i-- > 0;) {
		uint32_t frame = frame_of(table, stack->frames[i], stack->lines[i]);
		if (frame == NO_ID) return false;
		*leaf = node_of(table, *leaf, frame);
		if (*leaf == NO_ID) return false;
	}
	return true;
}

static uint64_t site_key(const struct stack *stack) {
	uint64_t key = mix_bits((uint64_t)stack->kind << 33 | (uint64_t)stack->cut << 32 | stack->thread);
	key = mix_bits(key + stack->caller);
	for (uint32_t i = 0; i < stack->depth; i++)
		key = mix_bits(key * 31 + frame_key(stack->frames[i], stack->lines[i]));
	return key;
}

uint32_t stack_table_site(struct stack_table *table, const struct stack *stack) {
	uint64_t key = site_key(stack);
	uint32_t id = id_index_find(&table->site_index, key), leaf;
	if (id != NO_ID) return id;
	if (!plant(table, stack, &leaf)) return NO_ID;
	id = pool_add(&table->sites);
	if (id == POOL_FULL) return NO_ID;
	struct site *site = pool_at(&table->sites, id);
	site->kind = stack->kind;
	site->cut = stack->cut;
	site->node = leaf;
	site->thread = stack->thread;
	site->caller = stack->caller;
	return id_index_add(&table->site_index, key, id) ? id : NO_ID;
}

uint32_t stack_table_thread(struct stack_table *table) {
	uint32_t id = pool_add(&table->threads);
	if (id == POOL_FULL) return table->threads.count > 0 ? table->threads.count - 1 : NO_ID;
	((struct thread_row *)pool_at(&table->threads, id))->id = (int)syscall(SYS_gettid);
	return id;
}

void stack_table_name(struct stack_table *table, uint32_t thread) {
	if (thread == MOST_THREADS - 1) return; /* it is many */
	struct thread_row *row = pool_at(&table->threads, thread);
	if (prctl(PR_GET_NAME, row->name, 0, 0, 0) != 0) row->name[0] = '\0';
}
