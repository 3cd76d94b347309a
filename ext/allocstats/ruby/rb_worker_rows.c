/*
 * AllocStats::SharedMemory.rows, .own_row, .master_row and .history: what Worker and History are built from. With the
 * GVL, but for reading the master's smaps_rollup. What no worker can have said (a time to come, no number) is nil.
 */
#include "private_heap.h"
#include "rb_shared_memory.h"

#include <math.h>
#include <ruby/thread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* What the agent takes for an interval, in milliseconds; and how far clocks of one machine may be apart. */
enum { SHORTEST_INTERVAL = 50, LONGEST_INTERVAL = 3600 * 1000, MOMENT_MS = 1000 };

/* With writers that do not come to an end, for all rows together. */
enum { PATIENCE_MS = 20 };

/* No request takes so long. */
static const double longest_seconds = 1e6;

/* What another process wrote, perhaps cut in the middle of a character. */
static VALUE text_or_nil(const char *text) {
	if (!text[0]) return Qnil;
	VALUE string = rb_utf8_str_new_cstr(text), repaired = rb_str_scrub(string, Qnil);
	return NIL_P(repaired) ? string : repaired;
}

static VALUE figures_of(const struct worker_report *report) {
	VALUE hash = rb_hash_new();
	for (int i = 0; i < FIGURE_COUNT; i++) {
		bool has = sample_has(&report->sample, (enum figure)i);
		rb_hash_aset(hash, symbol(figure_descriptions[i].name), has ? ULL2NUM(report->sample.value[i]) : Qnil);
	}
	struct history_point point = history_point_of(&report->sample, NULL, 0);
	rb_hash_aset(hash, symbol("live"), optional_number(point.live));
	rb_hash_aset(hash, symbol("kept"), optional_number(point.kept));
	add_slow_figures(hash, &report->slow);
	return hash;
}

static VALUE answer_of(const struct worker_answer *answer) {
	VALUE hash = rb_hash_new();
	bool told = isfinite(answer->seconds) && answer->seconds >= 0 && answer->seconds <= longest_seconds;
	rb_hash_aset(hash, symbol("request"), UINT2NUM(answer->request));
	rb_hash_aset(hash, symbol("begun"), UINT2NUM(answer->begun));
	rb_hash_aset(hash, symbol("outcome"), text_or_nil(answer->outcome));
	rb_hash_aset(hash, symbol("released"), optional_number(answer->released));
	rb_hash_aset(hash, symbol("reason"), text_or_nil(answer->reason));
	rb_hash_aset(hash, symbol("seconds"), told ? DBL2NUM(answer->seconds) : Qnil);
	return hash;
}

/* Seconds since 1970 at which CLOCK_BOOTTIME began, as the clock is set now. */
static double boot_time(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)history_now() / 1e3;
}

static double unix_time(uint64_t at, double boot) {
	return boot + (double)at / 1e3;
}

/* A time by history_now; nil for none, and for one that is still to come. */
static VALUE time_or_nil(uint64_t at) {
	return at && at <= history_now() + MOMENT_MS ? DBL2NUM(unix_time(at, boot_time())) : Qnil;
}

static VALUE interval_or_nil(uint32_t ms) {
	return ms >= SHORTEST_INTERVAL && ms <= LONGEST_INTERVAL ? DBL2NUM(ms / 1000.0) : Qnil;
}

/* Whether that very process runs, and whether it runs no further: by a signal, or under a debugger. */
static bool runs(process_identity owner, bool *stopped) {
	struct process_stat now;
	bool alive = process_stat_read(process_number(owner), &now) && now.identity == owner && now.state != 'Z' &&
		     now.state != 'X';
	*stopped = alive && (now.state == 'T' || now.state == 't');
	return alive;
}

/* `report` is NULL where the slot cannot be read. */
static VALUE row_of(int number, process_identity owner, const struct worker_report *report) {
	bool stopped, alive = runs(owner, &stopped);
	VALUE row = rb_hash_new();
	rb_hash_aset(row, symbol("slot"), number < 0 ? Qnil : INT2NUM(number));
	rb_hash_aset(row, symbol("identity"), ULL2NUM(owner));
	rb_hash_aset(row, symbol("pid"), INT2NUM((int)process_number(owner)));
	rb_hash_aset(row, symbol("alive"), boolean(alive));
	rb_hash_aset(row, symbol("stopped"), boolean(stopped));
	if (!report) return row;
	rb_hash_aset(row, symbol("index"), report->index < 0 ? Qnil : INT2NUM(report->index));
	rb_hash_aset(row, symbol("title"), text_or_nil(report->title));
	rb_hash_aset(row, symbol("interval"), interval_or_nil(report->interval_ms));
	rb_hash_aset(row, symbol("reported_at"), time_or_nil(report->reported_at));
	rb_hash_aset(row, symbol("slow_at"), time_or_nil(report->slow.at));
	rb_hash_aset(row, symbol("allocator"), text_or_nil(report->allocator));
	rb_hash_aset(row, symbol("version"), text_or_nil(report->version));
	rb_hash_aset(row, symbol("verdict"), text_or_nil(report->verdict));
	rb_hash_aset(row, symbol("figures"), figures_of(report));
	rb_hash_aset(row, symbol("purges"), ULL2NUM(report->purges));
	rb_hash_aset(row, symbol("purged_bytes"), ULL2NUM(report->purged_bytes));
	rb_hash_aset(row, symbol("samples"), ULL2NUM(report->samples));
	rb_hash_aset(row, symbol("answer"), answer_of(&report->answer));
	return row;
}

/* rows => what each process says of itself, one Hash each; of a slot that cannot be read only whose it is */
static VALUE memory_rows(VALUE self) {
	(void)self;
	VALUE rows = rb_ary_new();
	struct worker_report report;
	process_identity owner;
	uint64_t until = history_now() + PATIENCE_MS;
	for (unsigned number = 0; number < SHARED_SLOTS; number++) {
		owner = shared_memory_owner(&our_memory, number);
		if (!owner) continue;
		bool read = shared_memory_read_until(&our_memory, number, &owner, &report, NULL, until);
		if (owner) rb_ary_push(rows, row_of((int)number, owner, read ? &report : NULL));
	}
	return rows;
}

/* own_row => the same of this process alone, nil where the agent does not run */
static VALUE memory_own_row(VALUE self) {
	(void)self;
	if (!has_slot()) return Qnil;
	struct worker_report report;
	slot_read(&our_slot, &report, NULL);
	VALUE row = row_of(our_slot.number, our_slot.identity, &report);
	rb_hash_aset(row, symbol("alive"), Qtrue); /* also where there is no /proc to say so */
	return row;
}

struct master {
	process_identity identity;
	struct sample sample;
	struct slow_figures slow;
};

/* Without the GVL: what the kernel tells of it, which is nothing where it is another user's. */
static void *read_master_nogvl(void *data) {
	struct master *master = data;
	char folder[32];
	snprintf(folder, sizeof folder, "/proc/%d", (int)process_number(master->identity));
	read_slow_figures(folder, &master->slow, &master->sample);
	return NULL;
}

/*
 * master_row => of the process that all who share this memory come from, where it is another one: a row with what the
 * kernel tells of it, read now; nil where it has ended, or there is no shared memory. Milliseconds, growing with its
 * resident set.
 */
static VALUE memory_master_row(VALUE self) {
	(void)self;
	bool stopped;
	struct master master = {.identity = our_memory.layout ? our_memory.master : 0};
	if (!master.identity || process_number(master.identity) == getpid() || !runs(master.identity, &stopped))
		return Qnil;
	rb_thread_call_without_gvl(read_master_nogvl, &master, NULL, NULL);
	struct worker_report report = {.of = master.identity, .index = -1, .sample = master.sample};
	report.slow = master.slow;
	report.reported_at = master.slow.at;
	return row_of(-1, master.identity, &report);
}

struct points {
	VALUE slot, identity;
	struct history history;
	struct history_point points[HISTORY_MOST_POINTS];
};

static bool read_history(struct history *history, VALUE slot, VALUE identity) {
	struct worker_report report;
	process_identity owner;
	if (NIL_P(slot)) {
		if (!has_slot()) return false;
		slot_read(&our_slot, &report, history);
		return true;
	}
	return shared_memory_read(&our_memory, NUM2UINT(slot), &owner, &report, history) && owner == NUM2ULL(identity);
}

static VALUE point_to_ruby(const struct history_point *point, double boot) {
	return rb_ary_new_from_args(9, DBL2NUM(unix_time(point->at, boot)), optional_number(point->rss),
		optional_number(point->live), optional_number(point->kept), optional_number(point->malloc),
		optional_number(point->ruby_heap), optional_number(point->ruby_heap_live),
		optional_number(point->files), optional_number(point->stacks));
}

static VALUE points_to_ruby(VALUE data) {
	struct points *buffer = (struct points *)data;
	if (!read_history(&buffer->history, buffer->slot, buffer->identity)) return rb_ary_new();
	size_t count = history_points(&buffer->history, 0, buffer->points);
	VALUE rows = rb_ary_new_capa((long)count);
	double boot = boot_time();
	uint64_t latest = history_now() + MOMENT_MS;
	for (size_t i = 0; i < count && buffer->points[i].at <= latest; i++) {
		rb_ary_push(rows, point_to_ruby(&buffer->points[i], boot));
	}
	return rows;
}

static VALUE free_points(VALUE data) {
	private_free(PRIVATE_readings, (void *)data);
	return Qnil;
}

/*
 * history(slot, identity) => [[seconds since 1970, then what History::Point has], ...], oldest first; of this process
 * where the slot is nil. Empty where the slot has meanwhile another owner.
 */
static VALUE memory_history(VALUE self, VALUE slot, VALUE identity) {
	(void)self;
	struct points *buffer = private_alloc(PRIVATE_readings, sizeof *buffer);
	if (!buffer) rb_raise(error_base, "no memory for reading the history");
	buffer->slot = slot;
	buffer->identity = identity;
	return rb_ensure(points_to_ruby, (VALUE)buffer, free_points, (VALUE)buffer);
}

void init_worker_rows(VALUE module) {
	VALUE shared_memory = rb_define_module_under(module, "SharedMemory");
	rb_define_singleton_method(shared_memory, "rows", memory_rows, 0);
	rb_define_singleton_method(shared_memory, "own_row", memory_own_row, 0);
	rb_define_singleton_method(shared_memory, "master_row", memory_master_row, 0);
	rb_define_singleton_method(shared_memory, "history", memory_history, 2);
}
