/*
 * rb_profile_frames is made for a signal's handler on a thread that has the GVL; from inside malloc, where nothing of
 * the virtual machine is half done, it is safer. What remains is to know that this thread has the GVL and a stack:
 *
 * - ruby_thread_has_gvl_p knows threads of Ruby, and when they gave the GVL away to run without it;
 * - a thread that is being made has no stack yet, which rb_profile_frames itself sees since Ruby 3.3 only;
 * - a thread that ends still looks as if it had the GVL: it says goodbye by an event, and is not looked at afterwards;
 * - while the collector runs, frames may lead to objects that it is moving.
 */
#include "rb_allocstats.h"

#include "rb_frames.h"

#include <ruby/debug.h>
#include <ruby/thread.h>
#include <ruby/version.h>

int ruby_thread_has_gvl_p(void);

/* A thread's remaining way after its last event is short; another Ruby thread on the same native one has another stack.
 */
enum { NEAR_BYTES = 256 * 1024 };
static _Thread_local uintptr_t ended_at;

static uintptr_t here(void) {
	return (uintptr_t)__builtin_frame_address(0);
}

static void on_thread_event(rb_event_flag_t event, VALUE data, VALUE self, ID method, VALUE class) {
	(void)data, (void)self, (void)method, (void)class;
	ended_at = event == RUBY_EVENT_THREAD_END ? here() : 0;
}

static bool has_ended(void) {
	uintptr_t place = here();
	return ended_at && (place > ended_at ? place - ended_at : ended_at - place) < NEAR_BYTES;
}

#if RUBY_API_VERSION_MAJOR == 3 && RUBY_API_VERSION_MINOR < 3
#	include <dlfcn.h>
#	include <pthread.h>

/* An execution context begins with its stack, the stack's size and the current frame, none of which is there before
 * the thread has begun and after it has ended. */
struct context_head {
	const void *stack;
	size_t stack_size;
	const void *frame;
};

/* How far from its thread pointer each thread has ruby_current_ec, which is the same for all. */
static intptr_t context_offset;

static uintptr_t thread_pointer(void) {
#	if defined(__x86_64__)
	uintptr_t pointer;
	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
#	else
	return (uintptr_t)__builtin_thread_pointer();
#	endif
}

static void *find_offset(void *offset) {
	void *place = dlsym(RTLD_DEFAULT, "ruby_current_ec");
	*(intptr_t *)offset = place ? (intptr_t)((uintptr_t)place - thread_pointer()) : 0;
	return NULL;
}

static bool find_context(void) {
	intptr_t elsewhere = 0;
	pthread_t thread;
	find_offset(&context_offset);
	if (context_offset == 0 || pthread_create(&thread, NULL, find_offset, &elsewhere) != 0) return false;
	pthread_join(thread, NULL);
	return elsewhere == context_offset;
}

static bool has_stack(void) {
	const struct context_head *context =
		*(const struct context_head **)(thread_pointer() + (uintptr_t)context_offset);
	return context && context->stack && context->frame;
}
#else
static bool find_context(void) {
	return true;
}

static bool has_stack(void) {
	return true;
}
#endif

bool rb_frames_init(void) {
	static bool listening;
	if (!find_context()) return false;
	if (!listening) rb_add_event_hook(on_thread_event, RUBY_EVENT_THREAD_BEGIN | RUBY_EVENT_THREAD_END, Qnil);
	listening = true;
	return true;
}

void rb_frames_walk(struct stack *stack) {
	stack->kind = STACK_NO_GVL;
	if (has_ended() || !ruby_native_thread_p() || !ruby_thread_has_gvl_p()) return;
	if (rb_during_gc()) {
		stack->kind = STACK_COLLECTOR;
		return;
	}
	if (!has_stack()) return;
	int depth = rb_profile_frames(0, DEEPEST_STACK, (VALUE *)stack->frames, stack->lines);
	stack->kind = STACK_FRAMES;
	stack->depth = depth > 0 ? (uint32_t)depth : 0;
	stack->cut = depth == DEEPEST_STACK;
}
