/*
 * AllocStats::SingleFlight: one run at a time; whoever comes while one is under way waits for it and gets its answer.
 *
 * In C since a run must have its end whatever cuts it short: between two lines of Ruby an exception that another thread
 * sends, or a signal's in the main thread, can arrive, also inside of an ensure, and a flight that never lands would
 * hold up all later ones. What rb_ensure calls here checks for no interrupt, and nothing between the beginning and
 * rb_ensure does; neither does what counts those who wait. All with the GVL, which is what keeps the fields whole.
 */
#include "rb_allocstats.h"

#include <ruby/thread.h>
#include <stdbool.h>

/* How often to look whether another's run has landed: a pilot that was killed, or that a fork left behind, lands
 * without a word. */
enum { FIRST_LOOK_US = 500, SLOWEST_LOOK_US = 20 * 1000 };

/* For how long from its beginning a run is waited for, unless said. */
#define LONGEST_WAIT 60.0

struct flight {
	VALUE name;          /* of what is run, for messages */
	VALUE thread, fiber; /* the pilot's; Qfalse while nothing flies */
	VALUE question;      /* what the run under way answers */
	VALUE result;        /* of the last one; Qundef where it came to none */
	double begun;
	unsigned long landed;
	long waiting;
};

/* Whose run may be shared, and for how long it is waited for. */
struct boarding {
	VALUE question;
	long most_waiting; /* beside this one; negative for any number */
	double patience;
};

/* How a run was come by. */
enum outcome { FLOWN, SHARED, ANOTHER, FULL, LATE };

static void flight_mark(void *data) {
	const struct flight *flight = data;
	rb_gc_mark(flight->name);
	rb_gc_mark(flight->thread);
	rb_gc_mark(flight->fiber);
	rb_gc_mark(flight->question);
	if (flight->result != Qundef) rb_gc_mark(flight->result);
}

static const rb_data_type_t flight_type = {
	.wrap_struct_name = "AllocStats::SingleFlight",
	.function = {.dmark = flight_mark, .dfree = RUBY_DEFAULT_FREE},
	.flags = RUBY_TYPED_FREE_IMMEDIATELY,
};

static VALUE flight_allocate(VALUE class) {
	struct flight *flight;
	VALUE self = TypedData_Make_Struct(class, struct flight, &flight_type, flight);
	flight->name = flight->thread = flight->fiber = flight->question = Qfalse;
	flight->result = Qundef;
	return self;
}

static bool flies(const struct flight *flight) {
	return RTEST(flight->thread) && RTEST(rb_funcall(flight->thread, rb_intern("alive?"), 0)) &&
	       RTEST(flight->fiber) && RTEST(rb_fiber_alive_p(flight->fiber));
}

static VALUE land(VALUE data) {
	struct flight *flight = (struct flight *)data;
	flight->thread = flight->fiber = flight->question = Qfalse;
	flight->landed++;
	return Qnil;
}

static VALUE fly(VALUE data) {
	struct flight *flight = (struct flight *)data;
	VALUE result = rb_yield_values(0);
	flight->result = result;
	return result;
}

struct wait {
	struct flight *flight;
	double given_up;
	bool late;
};

/* Until the run under way has landed. By Kernel#sleep, which a fiber's scheduler knows. */
static VALUE wait_for_landing(VALUE data) {
	struct wait *wait = (struct wait *)data;
	unsigned long landed = wait->flight->landed;
	for (int pause = FIRST_LOOK_US; wait->flight->landed == landed && flies(wait->flight);
		pause = pause * 2 > SLOWEST_LOOK_US ? SLOWEST_LOOK_US : pause * 2) {
		if ((wait->late = seconds_now() > wait->given_up)) break;
		rb_funcall(rb_mKernel, rb_intern("sleep"), 1, DBL2NUM(pause / 1e6));
	}
	return Qnil;
}

static VALUE wait_no_more(VALUE data) {
	((struct wait *)data)->flight->waiting--;
	return Qnil;
}

/* Whether it landed in time. */
static bool await(struct flight *flight, double patience) {
	struct wait wait = {.flight = flight, .given_up = flight->begun + patience};
	flight->waiting++;
	rb_ensure(wait_for_landing, (VALUE)&wait, wait_no_more, (VALUE)&wait);
	return !wait.late;
}

/* The block's run, or the answer of one that was under way; again and again where that one came to none. */
static enum outcome board(struct flight *flight, const struct boarding *boarding, VALUE *result) {
	VALUE fiber = rb_fiber_current();
	while (flies(flight)) {
		if (flight->fiber == fiber)
			rb_raise(error_refused, "%" PRIsVALUE " was asked for inside of %" PRIsVALUE, flight->name,
				flight->name);
		unsigned long landed = flight->landed;
		bool same = RTEST(rb_equal(flight->question, boarding->question));
		if (flight->landed != landed) continue; /* meanwhile; comparing may have run Ruby */
		if (!same) return ANOTHER;
		if (boarding->most_waiting >= 0 && flight->waiting >= boarding->most_waiting) return FULL;
		if (!await(flight, boarding->patience)) return LATE;
		/* nothing may run between the look and the next beginning but what keeps the GVL */
		if (!flies(flight) && flight->result != Qundef) {
			*result = flight->result;
			return SHARED;
		}
	}
	flight->begun = seconds_now();
	flight->result = Qundef;
	flight->question = boarding->question;
	flight->thread = rb_thread_current();
	flight->fiber = fiber;
	*result = rb_ensure(fly, (VALUE)flight, land, (VALUE)flight);
	return FLOWN;
}

static struct flight *flight_of(VALUE self) {
	struct flight *flight;
	TypedData_Get_Struct(self, struct flight, &flight_type, flight);
	return flight;
}

/* SingleFlight.new("a purge"), with its name for messages. */
static VALUE flight_initialize(VALUE self, VALUE name) {
	rb_check_frozen(self);
	flight_of(self)->name = rb_str_new_frozen(StringValue(name));
	return self;
}

/*
 * run { ... } => what the block answers, or what the run that was under way did; raises what the block raises, where it
 * ran. AllocStats::Refused inside of the block of this very fiber, which would wait for itself, and where a run has not
 * ended for a minute.
 */
static VALUE flight_run(VALUE self) {
	struct flight *flight = flight_of(self);
	rb_need_block();
	rb_check_frozen(self);
	const struct boarding boarding = {.question = Qnil, .most_waiting = -1, .patience = LONGEST_WAIT};
	VALUE result = Qnil;
	if (board(flight, &boarding, &result) == LATE)
		rb_raise(error_refused, "what is under way has not ended for %d seconds", (int)LONGEST_WAIT);
	RB_GC_GUARD(self);
	return result;
}

/*
 * share(question, waiting, patience) { ... } => [what the block answers, :flown], [what the run under way did,
 * :shared], or without waiting [nil, :another] for one that answers something else, [nil, :full] where so many wait for
 * it (nil: any number may), [nil, :late] for one that has not ended so many seconds after its beginning.
 */
static VALUE flight_share(VALUE self, VALUE question, VALUE waiting, VALUE patience) {
	static const char *const names[] = {"flown", "shared", "another", "full", "late"};
	struct flight *flight = flight_of(self);
	rb_need_block();
	rb_check_frozen(self);
	const struct boarding boarding = {.question = question,
		.most_waiting = NIL_P(waiting) ? -1 : NUM2LONG(waiting),
		.patience = NUM2DBL(patience)};
	VALUE result = Qnil;
	enum outcome outcome = board(flight, &boarding, &result);
	RB_GC_GUARD(self);
	return rb_assoc_new(result, ID2SYM(rb_intern(names[outcome])));
}

void init_single_flight(VALUE module) {
	VALUE class = rb_define_class_under(module, "SingleFlight", rb_cObject);
	rb_define_alloc_func(class, flight_allocate);
	rb_define_method(class, "initialize", flight_initialize, 1);
	rb_define_method(class, "run", flight_run, 0);
	rb_define_method(class, "share", flight_share, 3);
}
