/*
 * AllocStats::SharedMemory: this process's part in the shared memory that the processes of a server share, and its own
 * slot there. rb_worker_rows.c has what the others say of themselves, rb_message.c what is asked of all;
 * lib/allocstats/agent.rb and lib/allocstats/workers.rb make sense of it.
 *
 * One piece of it and one slot a process. They change with the GVL held and by the main Ractor alone, so no two threads
 * write the slot at once; waiting and reading smaps_rollup go without the GVL. Shared memory once had is kept until the
 * process ends, since another thread may wait in it.
 */
#include "rb_shared_memory.h"
#include "allocator.h"
#include "kernel/process_memory.h"
#include "process_generation.h"
#include "purge.h"
#include "rb_sample.h"

#include <ruby/thread.h>
#include <string.h>

struct shared_memory our_memory = {.descriptor = -1};
struct slot our_slot = {.number = -1};
static unsigned slot_generation;       /* of the process that took the slot */
static unsigned long long slot_keeper; /* the number of the thread that is to leave it, 0 for none */

/* A forked child has its parent's slot in memory, and must not write there. */
bool has_slot(void) {
	if (our_slot.memory && slot_generation != process_generation()) slot_forget(&our_slot);
	return our_slot.memory != NULL;
}

void demand_slot(void) {
	if (!has_slot())
		rb_raise(error_not_started, "the agent does not run in this process; AllocStats.start starts it");
}

static process_identity identity_of(VALUE pid) {
	struct process_stat stat;
	return process_stat_read((pid_t)NUM2INT(pid), &stat) ? stat.identity : 0;
}

/* open_to_siblings? => whether this process's memory is one that others of its user can find, and not its children's
 * alone */
static VALUE memory_open_to_siblings(VALUE self) {
	(void)self;
	return boolean(our_memory.layout != NULL && our_memory.descriptor >= 0);
}

static VALUE memory_present(VALUE self) {
	(void)self;
	return boolean(our_memory.layout != NULL);
}

/* make => true when this process has shared memory, its children's from now on */
static VALUE memory_make(VALUE self) {
	process_identity me = process_identity_of_self();
	if (!our_memory.layout && me) shared_memory_make(&our_memory, me);
	return memory_present(self);
}

struct find {
	process_identity master;
	struct shared_memory found;
	bool ran;
};

/* Without the GVL: looks through /proc, and may wait for a sibling that does the same. */
static void *find_nogvl(void *data) {
	struct find *find = data;
	find->ran = true;
	shared_memory_find(&find->found, find->master);
	return NULL;
}

/* find(pid of the master) => true when this process has shared memory, the one of the master's other children */
static VALUE memory_find(VALUE self, VALUE master) {
	struct find find = {identity_of(master), {.descriptor = -1}, false};
	if (our_memory.layout || !find.master) return memory_present(self);
	/* The one that does not end a killed thread before what follows. Where the thread was just woken, it calls
	 * nothing. */
	while (!find.ran) {
		rb_thread_check_ints();
		rb_thread_call_without_gvl2(find_nogvl, &find, NULL, NULL);
	}
	if (our_memory.layout)
		shared_memory_leave(&find.found);
	else
		our_memory = find.found;
	return memory_present(self);
}

/*
 * take_slot(index or nil, keeper = 0) => number of the slot in the shared memory, nil where the slot is outside of it.
 * The keeper is the number under which keep_slot leaves it.
 */
static VALUE memory_take_slot(int count, VALUE *arguments, VALUE self) {
	(void)self;
	VALUE index, keeper;
	rb_scan_args(count, arguments, "11", &index, &keeper);
	int32_t number = NIL_P(index) ? -1 : NUM2INT(index);
	unsigned long long wanted = NIL_P(keeper) ? 0 : NUM2ULL(keeper);
	if (!has_slot()) {
		raise_unless_ok(slot_take(&our_slot, &our_memory, process_identity_of_self(), number),
			"a slot for this process");
		slot_generation = process_generation();
	}
	slot_keeper = wanted;
	return our_slot.number < 0 ? Qnil : INT2NUM(our_slot.number);
}

static VALUE memory_leave_slot(VALUE self) {
	if (has_slot()) slot_leave(&our_slot);
	return self;
}

static VALUE yield_nothing(VALUE unused) {
	(void)unused;
	return rb_yield_values(0);
}

/* A forked child's thread ends with it, and is not there to leave anything. */
static VALUE leave_kept(VALUE keeper) {
	if (has_slot() && slot_keeper == *(const unsigned long long *)keeper) slot_leave(&our_slot);
	return Qnil;
}

/*
 * keep_slot(keeper) { ... } => the block's value. However the block ends, the slot that was taken for this keeper, now
 * or meanwhile, is left.
 */
static VALUE memory_keep_slot(VALUE self, VALUE number) {
	(void)self;
	rb_need_block();
	unsigned long long keeper = NUM2ULL(number);
	return rb_ensure(yield_nothing, Qnil, leave_kept, (VALUE)&keeper);
}

static VALUE memory_has_slot(VALUE self) {
	(void)self;
	return boolean(has_slot());
}

void copy_text(char *field, size_t room, VALUE text) {
	size_t length = NIL_P(text) ? 0 : (size_t)RSTRING_LEN(text);
	if (length >= room) length = room - 1;
	if (length > 0) memcpy(field, RSTRING_PTR(text), length);
	memset(field + length, 0, room - length);
}

/* describe(seconds between two samples, allocator, version, verdict): what does not change from sample to sample */
static VALUE memory_describe(VALUE self, VALUE interval, VALUE allocator, VALUE version, VALUE verdict) {
	uint32_t ms = (uint32_t)(NUM2DBL(interval) * 1000);
	Check_Type(allocator, T_STRING);
	if (!NIL_P(version)) Check_Type(version, T_STRING);
	Check_Type(verdict, T_STRING);
	demand_slot();
	struct worker_report *report = slot_begin(&our_slot);
	report->interval_ms = ms;
	COPY_TEXT(report->allocator, allocator);
	COPY_TEXT(report->version, version);
	COPY_TEXT(report->verdict, verdict);
	slot_end(&our_slot);
	return self;
}

/* name_slot(index or nil, title or nil): what the server calls this process, which it may change */
static VALUE memory_name_slot(VALUE self, VALUE index, VALUE title) {
	int32_t number = NIL_P(index) ? -1 : NUM2INT(index);
	if (!NIL_P(title)) Check_Type(title, T_STRING);
	demand_slot();
	struct worker_report *report = slot_begin(&our_slot);
	report->index = number;
	COPY_TEXT(report->title, title);
	slot_end(&our_slot);
	return self;
}

/* tick => self; a sample into the slot and its history. Some microseconds, no Ruby object, nothing from malloc. */
static VALUE memory_tick(VALUE self) {
	demand_slot();
	struct sample sample;
	uint64_t purges, bytes;
	rb_read_figures(&sample);
	purge_counts(&purges, &bytes);

	struct worker_report *report = slot_begin(&our_slot);
	struct history_point point = history_point_of(&sample, &report->slow, history_now());
	report->sample = sample;
	report->reported_at = point.at;
	report->samples++;
	report->purges = purges;
	report->purged_bytes = bytes;
	history_add(slot_history(&our_slot), &point);
	slot_end(&our_slot);
	return self;
}

static bool mapping_figure(const struct mapping_figures *figures, enum mapping_figure figure, uint64_t *out) {
	if (!(figures->present >> figure & 1)) return false;
	*out = figures->value[figure];
	return true;
}

void read_slow_figures(const char *process, struct slow_figures *slow, struct sample *sample) {
	struct mapping_figures whole;
	uint64_t clean, dirty, rss;
	*slow = NO_SLOW_FIGURES(history_now());
	if (smaps_rollup_read("", process, &whole).status != STATUS_OK) return;
	if (sample && mapping_figure(&whole, MAPPING_FIGURE_rss, &rss)) sample_set(sample, FIGURE_rss, rss);
	mapping_figure(&whole, MAPPING_FIGURE_pss, &slow->pss);
	mapping_figure(&whole, MAPPING_FIGURE_swap, &slow->swap);
	if (mapping_figure(&whole, MAPPING_FIGURE_private_clean, &clean) &&
		mapping_figure(&whole, MAPPING_FIGURE_private_dirty, &dirty))
		slow->uss = clean + dirty;
}

/* The layers for which the mappings themselves must be looked at: a second reading that costs as much as the first. */
static void read_slow_layers(struct slow_figures *slow) {
	struct process_memory_request request = {.root = "",
		.process = PROC_SELF,
		.without_rollup = true,
		.find_heaps = allocator_current()->find_heaps,
		.brk_is_malloc = allocator_current()->takes_brk};
	struct process_memory memory;
	process_memory_read(&request, &memory);
	if (memory.smaps.status != STATUS_OK) return;
	if (memory.stacks.reading.status == STATUS_OK)
		mapping_figure(&memory.kinds[MAPPING_KIND_stack], MAPPING_FIGURE_rss, &slow->stacks);
	bool malloc_found = request.find_heaps && memory.heaps.status == STATUS_OK;
	if (malloc_found || memory.known_kinds >> MAPPING_KIND_malloc & 1)
		mapping_figure(&memory.kinds[MAPPING_KIND_malloc], MAPPING_FIGURE_rss, &slow->malloc);
}

static void *read_own_nogvl(void *slow) {
	read_slow_figures(PROC_SELF, slow, NULL);
	return NULL;
}

static void *read_own_with_layers_nogvl(void *slow) {
	read_slow_figures(PROC_SELF, slow, NULL);
	read_slow_layers(slow);
	return NULL;
}

void add_slow_figures(VALUE hash, const struct slow_figures *slow) {
	rb_hash_aset(hash, symbol("pss"), optional_number(slow->pss));
	rb_hash_aset(hash, symbol("uss"), optional_number(slow->uss));
	rb_hash_aset(hash, symbol("swap"), optional_number(slow->swap));
}

/* slow_figures => {pss:, uss:, swap:} of this process, read now */
static VALUE memory_slow_figures(VALUE self) {
	(void)self;
	struct slow_figures slow;
	rb_thread_call_without_gvl(read_own_nogvl, &slow, NULL, NULL);
	VALUE hash = rb_hash_new();
	add_slow_figures(hash, &slow);
	return hash;
}

/* tick_slowly => self; PSS, USS, swap, and the layers that are told by the mappings, into the slot */
static VALUE memory_tick_slowly(VALUE self) {
	struct slow_figures slow;
	rb_thread_call_without_gvl(read_own_with_layers_nogvl, &slow, NULL, NULL);
	demand_slot();
	slot_begin(&our_slot)->slow = slow;
	slot_end(&our_slot);
	return self;
}

struct wait {
	struct slot slot;
	uint32_t heard, ms;
};

uint32_t milliseconds(VALUE seconds) {
	double ms = NUM2DBL(seconds) * 1000;
	return !(ms > 0) ? 0 : ms > 1e9 ? 1000000000 : (uint32_t)ms;
}

static void *wait_nogvl(void *data) {
	const struct wait *wait = data;
	slot_wait(&wait->slot, wait->heard, wait->ms);
	return NULL;
}

/* What Ruby calls when this thread is to stop waiting; raised first, the wakeups is heard even before the wait begins.
 */
static void wake_own(void *data) {
	slot_wake(&((const struct wait *)data)->slot);
}

/* wakeups => how often this process was woken; to be read before looking for work, and handed to wait */
static VALUE memory_wakeups(VALUE self) {
	(void)self;
	demand_slot();
	return UINT2NUM(slot_wakeups(&our_slot));
}

/*
 * wait(wakeups, seconds) => whether this thread handed back first what the allocator keeps for it, since it has nothing
 * under way now. Without the GVL, until somebody wakes it, the time is over, or Ruby wants the thread.
 */
static VALUE memory_wait(VALUE self, VALUE wakeups, VALUE seconds) {
	(void)self;
	demand_slot();
	struct wait wait = {our_slot, NUM2UINT(wakeups), milliseconds(seconds)};
	bool handed_back = purge_safe_point();
	rb_thread_call_without_gvl(wait_nogvl, &wait, wake_own, &wait);
	return boolean(handed_back);
}

static VALUE memory_wake(VALUE self) {
	if (has_slot()) slot_wake(&our_slot);
	return self;
}

void init_shared_memory(VALUE module) {
	VALUE shared_memory = rb_define_module_under(module, "SharedMemory");
	rb_define_singleton_method(shared_memory, "make", memory_make, 0);
	rb_define_singleton_method(shared_memory, "find", memory_find, 1);
	rb_define_singleton_method(shared_memory, "present?", memory_present, 0);
	rb_define_singleton_method(shared_memory, "open_to_siblings?", memory_open_to_siblings, 0);
	rb_define_singleton_method(shared_memory, "take_slot", memory_take_slot, -1);
	rb_define_singleton_method(shared_memory, "keep_slot", memory_keep_slot, 1);
	rb_define_singleton_method(shared_memory, "leave_slot", memory_leave_slot, 0);
	rb_define_singleton_method(shared_memory, "slot?", memory_has_slot, 0);
	rb_define_singleton_method(shared_memory, "describe", memory_describe, 4);
	rb_define_singleton_method(shared_memory, "name_slot", memory_name_slot, 2);
	rb_define_singleton_method(shared_memory, "tick", memory_tick, 0);
	rb_define_singleton_method(shared_memory, "tick_slowly", memory_tick_slowly, 0);
	rb_define_singleton_method(shared_memory, "slow_figures", memory_slow_figures, 0);
	rb_define_singleton_method(shared_memory, "wakeups", memory_wakeups, 0);
	rb_define_singleton_method(shared_memory, "wait", memory_wait, 2);
	rb_define_singleton_method(shared_memory, "wake", memory_wake, 0);
}
