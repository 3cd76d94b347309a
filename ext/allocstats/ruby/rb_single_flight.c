/*
 * AllocStats::Purge::SingleFlight: one run at a time; whoever comes while one is under way waits for it and gets its
 * answer.
 *
 * In C since a run must have its end whatever cuts it short: between two lines of Ruby an exception that another thread
 * sends, or a signal's in the main thread, can arrive, also inside of an ensure, and a flight that never lands would
 * hold up all later ones. What rb_ensure calls here checks for no interrupt, and nothing between the beginning and
 * rb_ensure does. All with the GVL, which is what keeps the fields whole.
 */
#include "rb_allocstats.h"

#include <ruby/thread.h>
#include <stdbool.h>

/* How long to wait for another's run, and how often to look: a pilot that was killed, or that a fork left behind, lands
 * without a word. */
#define LONGEST_WAIT 60.0
enum { FIRST_LOOK_US = 500, SLOWEST_LOOK_US = 20 * 1000 };

struct flight {
	VALUE thread, fiber; /* the pilot's; Qfalse while nothing flies */
	VALUE result;        /* of the last one; Qundef where it came to none */
	unsigned long landed;
};

static void flight_mark(void *data) {
	const struct flight *flight = data;
	rb_gc_mark(flight->thread);
	rb_gc_mark(flight->fiber);
	if (flight->result != Qundef) rb_gc_mark(flight->result);
}

static const rb_data_type_t flight_type = {
	.wrap_struct_name = "AllocStats::Purge::SingleFlight",
	.function = {.dmark = flight_mark, .dfree = RUBY_DEFAULT_FREE},
	.flags = RUBY_TYPED_FREE_IMMEDIATELY,
};

static VALUE flight_allocate(VALUE class) {
	struct flight *flight;
	VALUE self = TypedData_Make_Struct(class, struct flight, &flight_type, flight);
	flight->thread = flight->fiber = Qfalse;
	flight->result = Qundef;
	return self;
}

static bool flies(const struct flight *flight) {
	return RTEST(flight->thread) && RTEST(rb_funcall(flight->thread, rb_intern("alive?"), 0)) &&
	       RTEST(flight->fiber) && RTEST(rb_fiber_alive_p(flight->fiber));
}

static VALUE land(VALUE data) {
	struct flight *flight = (struct flight *)data;
	flight->thread = flight->fiber = Qfalse;
	flight->landed++;
	return Qnil;
}

static VALUE fly(VALUE data) {
	struct flight *flight = (struct flight *)data;
	VALUE result = rb_yield_values(0);
	flight->result = result;
	return result;
}

/* Until the run under way has landed. By Kernel#sleep, which a fiber's scheduler knows. */
static void wait_for_landing(const struct flight *flight) {
	unsigned long landed = flight->landed;
	double given_up = seconds_now() + LONGEST_WAIT;
	for (int pause = FIRST_LOOK_US; flight->landed == landed && flies(flight);
		pause = pause * 2 > SLOWEST_LOOK_US ? SLOWEST_LOOK_US : pause * 2) {
		if (seconds_now() > given_up)
			rb_raise(error_refused, "what is under way has not ended for %d seconds", (int)LONGEST_WAIT);
		rb_funcall(rb_mKernel, rb_intern("sleep"), 1, DBL2NUM(pause / 1e6));
	}
}

/*
 * run { ... } => what the block answers, or what the run that was under way did; raises what the block raises, where it
 * ran. AllocStats::Refused inside of the block of this very fiber, which would wait for itself, and after a minute.
 */
static VALUE flight_run(VALUE self) {
	struct flight *flight;
	TypedData_Get_Struct(self, struct flight, &flight_type, flight);
	rb_need_block();
	rb_check_frozen(self);
	VALUE fiber = rb_fiber_current();
	while (flies(flight)) {
		if (flight->fiber == fiber) rb_raise(error_refused, "a purge was asked for inside of a purge");
		wait_for_landing(flight);
		/* nothing may run between the look and the next beginning but what keeps the GVL */
		if (!flies(flight) && flight->result != Qundef) return flight->result;
	}
	flight->result = Qundef;
	flight->thread = rb_thread_current();
	flight->fiber = fiber;
	VALUE result = rb_ensure(fly, (VALUE)flight, land, (VALUE)flight);
	RB_GC_GUARD(self);
	return result;
}

void init_single_flight(VALUE module) {
	VALUE purge = rb_define_class_under(module, "Purge", rb_cObject);
	VALUE class = rb_define_class_under(purge, "SingleFlight", rb_cObject);
	rb_define_alloc_func(class, flight_allocate);
	rb_define_method(class, "run", flight_run, 0);
}
