/*
 * AllocStats::SharedPage: this process's part in the page that the processes of a server share, and its own seat there.
 * rb_worker_rows.c has what the others say of themselves, rb_page_request.c what is asked of all;
 * lib/allocstats/sampler.rb and lib/allocstats/workers.rb make sense of it.
 *
 * One page and one seat a process. They change with the GVL held and by the main Ractor alone, so no two threads write
 * the seat at once; waiting and reading smaps_rollup go without the GVL. A page once had is kept until the process
 * ends, since another thread may wait in it.
 */
#include "rb_shared_page.h"
#include "allocator.h"
#include "kernel/process_memory.h"
#include "process_generation.h"
#include "purge.h"
#include "rb_sample.h"

#include <ruby/thread.h>
#include <string.h>

struct shared_page process_page = {.descriptor = -1};
struct seat process_seat = {.number = -1};
static unsigned seat_generation;       /* of the process that took the seat */
static unsigned long long seat_keeper; /* the number of the thread that is to leave it, 0 for none */

/* A forked child has its parent's seat in memory, and must not write there. */
bool process_is_seated(void) {
	if (process_seat.slot && seat_generation != process_generation()) seat_forget(&process_seat);
	return process_seat.slot != NULL;
}

void demand_seat(void) {
	if (!process_is_seated())
		rb_raise(error_not_started, "the sampler does not run in this process; AllocStats.start starts it");
}

static process_identity identity_of(VALUE pid) {
	struct process_stat stat;
	return process_stat_read((pid_t)NUM2INT(pid), &stat) ? stat.identity : 0;
}

/* open_to_siblings? => whether this process's page is one that others of its user can find, and not its children's
 * alone */
static VALUE page_open_to_siblings(VALUE self) {
	(void)self;
	return boolean(process_page.memory != NULL && process_page.descriptor >= 0);
}

static VALUE page_present(VALUE self) {
	(void)self;
	return boolean(process_page.memory != NULL);
}

/* make => true when this process has a page, its children's from now on */
static VALUE page_make(VALUE self) {
	process_identity me = process_identity_of_self();
	if (!process_page.memory && me) shared_page_make(&process_page, me);
	return page_present(self);
}

struct find {
	process_identity master;
	struct shared_page found;
	bool ran;
};

/* Without the GVL: looks through /proc, and may wait for a sibling that does the same. */
static void *find_nogvl(void *data) {
	struct find *find = data;
	find->ran = true;
	shared_page_find(&find->found, find->master);
	return NULL;
}

/* find(pid of the master) => true when this process has a page, the one of the master's other children */
static VALUE page_find(VALUE self, VALUE master) {
	struct find find = {identity_of(master), {.descriptor = -1}, false};
	if (process_page.memory || !find.master) return page_present(self);
	/* The one that does not end a killed thread before what follows. Where the thread was just woken, it calls
	 * nothing. */
	while (!find.ran) {
		rb_thread_check_ints();
		rb_thread_call_without_gvl2(find_nogvl, &find, NULL, NULL);
	}
	if (process_page.memory)
		shared_page_leave(&find.found);
	else
		process_page = find.found;
	return page_present(self);
}

/*
 * take_seat(index or nil, keeper = 0) => number of the slot in the page, nil where the seat is outside of it. The
 * keeper is the number under which keep_seat leaves it.
 */
static VALUE page_take_seat(int count, VALUE *arguments, VALUE self) {
	(void)self;
	VALUE index, keeper;
	rb_scan_args(count, arguments, "11", &index, &keeper);
	int32_t number = NIL_P(index) ? -1 : NUM2INT(index);
	unsigned long long wanted = NIL_P(keeper) ? 0 : NUM2ULL(keeper);
	if (!process_is_seated()) {
		raise_unless_ok(seat_take(&process_seat, &process_page, process_identity_of_self(), number),
			"a slot for this process");
		seat_generation = process_generation();
	}
	seat_keeper = wanted;
	return process_seat.number < 0 ? Qnil : INT2NUM(process_seat.number);
}

static VALUE page_leave_seat(VALUE self) {
	if (process_is_seated()) seat_leave(&process_seat);
	return self;
}

static VALUE yield_nothing(VALUE unused) {
	(void)unused;
	return rb_yield_values(0);
}

/* A forked child's thread ends with it, and is not there to leave anything. */
static VALUE leave_kept(VALUE keeper) {
	if (process_is_seated() && seat_keeper == *(const unsigned long long *)keeper) seat_leave(&process_seat);
	return Qnil;
}

/*
 * keep_seat(keeper) { ... } => the block's value. However the block ends, the seat that was taken for this keeper, now
 * or meanwhile, is left.
 */
static VALUE page_keep_seat(VALUE self, VALUE number) {
	(void)self;
	rb_need_block();
	unsigned long long keeper = NUM2ULL(number);
	return rb_ensure(yield_nothing, Qnil, leave_kept, (VALUE)&keeper);
}

static VALUE page_seated(VALUE self) {
	(void)self;
	return boolean(process_is_seated());
}

void copy_text(char *field, size_t room, VALUE text) {
	size_t length = NIL_P(text) ? 0 : (size_t)RSTRING_LEN(text);
	if (length >= room) length = room - 1;
	if (length > 0) memcpy(field, RSTRING_PTR(text), length);
	memset(field + length, 0, room - length);
}

/* describe(seconds between two samples, allocator, version, verdict): what does not change from sample to sample */
static VALUE page_describe(VALUE self, VALUE interval, VALUE allocator, VALUE version, VALUE verdict) {
	uint32_t ms = (uint32_t)(NUM2DBL(interval) * 1000);
	Check_Type(allocator, T_STRING);
	if (!NIL_P(version)) Check_Type(version, T_STRING);
	Check_Type(verdict, T_STRING);
	demand_seat();
	struct worker_report *report = seat_begin(&process_seat);
	report->interval_ms = ms;
	COPY_TEXT(report->allocator, allocator);
	COPY_TEXT(report->version, version);
	COPY_TEXT(report->verdict, verdict);
	seat_end(&process_seat);
	return self;
}

/* name_seat(index or nil, role or nil): what the server calls this process, which it may change */
static VALUE page_name(VALUE self, VALUE index, VALUE role) {
	int32_t number = NIL_P(index) ? -1 : NUM2INT(index);
	if (!NIL_P(role)) Check_Type(role, T_STRING);
	demand_seat();
	struct worker_report *report = seat_begin(&process_seat);
	report->index = number;
	COPY_TEXT(report->role, role);
	seat_end(&process_seat);
	return self;
}

/* tick => self; a sample into the slot and its history. Some microseconds, no Ruby object, nothing from malloc. */
static VALUE page_tick(VALUE self) {
	demand_seat();
	struct sample sample;
	uint64_t purges, bytes;
	rb_read_figures(&sample);
	purge_counts(&purges, &bytes);

	struct worker_report *report = seat_begin(&process_seat);
	struct history_point point = history_point_of(&sample, &report->slow, history_now());
	report->sample = sample;
	report->reported_at = point.at;
	report->samples++;
	report->purges = purges;
	report->purged_bytes = bytes;
	history_add(seat_history(&process_seat), &point);
	seat_end(&process_seat);
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
		.claim_heaps = allocator_current()->claim_heaps,
		.brk_is_malloc = allocator_current()->takes_brk};
	struct process_memory memory;
	process_memory_read(&request, &memory);
	if (memory.smaps.status != STATUS_OK) return;
	if (memory.stacks.reading.status == STATUS_OK)
		mapping_figure(&memory.kinds[MAPPING_KIND_stack], MAPPING_FIGURE_rss, &slow->stacks);
	bool malloc_found = request.claim_heaps && memory.heaps.status == STATUS_OK;
	if (malloc_found || memory.told_kinds >> MAPPING_KIND_malloc & 1)
		mapping_figure(&memory.kinds[MAPPING_KIND_malloc], MAPPING_FIGURE_rss, &slow->malloc);
}

static void *read_own_nogvl(void *slow) {
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
static VALUE page_slow_figures(VALUE self) {
	(void)self;
	struct slow_figures slow;
	rb_thread_call_without_gvl(read_own_nogvl, &slow, NULL, NULL);
	VALUE hash = rb_hash_new();
	add_slow_figures(hash, &slow);
	return hash;
}

/* tick_slowly => self; PSS, USS and swap into the slot */
static VALUE page_tick_slowly(VALUE self) {
	struct slow_figures slow;
	rb_thread_call_without_gvl(read_own_nogvl, &slow, NULL, NULL);
	demand_seat();
	seat_begin(&process_seat)->slow = slow;
	seat_end(&process_seat);
	return self;
}

struct wait {
	struct seat seat;
	uint32_t heard, ms;
};

uint32_t milliseconds(VALUE seconds) {
	double ms = NUM2DBL(seconds) * 1000;
	return ms < 0 ? 0 : ms > 1e9 ? 1000000000 : (uint32_t)ms;
}

static void *wait_nogvl(void *data) {
	const struct wait *wait = data;
	seat_wait(&wait->seat, wait->heard, wait->ms);
	return NULL;
}

/* What Ruby calls when this thread is to stop waiting; raised first, the bell is heard even before the wait begins. */
static void ring_own(void *data) {
	seat_ring(&((const struct wait *)data)->seat);
}

/* bell => how often it was rung; to be read before looking for work, and handed to wait */
static VALUE page_bell(VALUE self) {
	(void)self;
	demand_seat();
	return UINT2NUM(seat_bell(&process_seat));
}

/*
 * wait(bell, seconds) => self; without the GVL, until somebody rings, the time is over, or Ruby wants the thread.
 */
static VALUE page_wait(VALUE self, VALUE bell, VALUE seconds) {
	demand_seat();
	struct wait wait = {process_seat, NUM2UINT(bell), milliseconds(seconds)};
	rb_thread_call_without_gvl(wait_nogvl, &wait, ring_own, &wait);
	return self;
}

static VALUE page_ring(VALUE self) {
	if (process_is_seated()) seat_ring(&process_seat);
	return self;
}

void init_shared_page(VALUE module) {
	VALUE shared_page = rb_define_module_under(module, "SharedPage");
	rb_define_singleton_method(shared_page, "make", page_make, 0);
	rb_define_singleton_method(shared_page, "find", page_find, 1);
	rb_define_singleton_method(shared_page, "present?", page_present, 0);
	rb_define_singleton_method(shared_page, "open_to_siblings?", page_open_to_siblings, 0);
	rb_define_singleton_method(shared_page, "take_seat", page_take_seat, -1);
	rb_define_singleton_method(shared_page, "keep_seat", page_keep_seat, 1);
	rb_define_singleton_method(shared_page, "leave_seat", page_leave_seat, 0);
	rb_define_singleton_method(shared_page, "seated?", page_seated, 0);
	rb_define_singleton_method(shared_page, "describe", page_describe, 4);
	rb_define_singleton_method(shared_page, "name_seat", page_name, 2);
	rb_define_singleton_method(shared_page, "tick", page_tick, 0);
	rb_define_singleton_method(shared_page, "tick_slowly", page_tick_slowly, 0);
	rb_define_singleton_method(shared_page, "slow_figures", page_slow_figures, 0);
	rb_define_singleton_method(shared_page, "bell", page_bell, 0);
	rb_define_singleton_method(shared_page, "wait", page_wait, 2);
	rb_define_singleton_method(shared_page, "ring", page_ring, 0);
}
