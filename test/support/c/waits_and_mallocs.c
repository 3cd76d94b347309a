/*
 * An ordinary extension: WaitsAndMallocs#<name> gives the GVL up, waits for a condition variable that its own thread
 * signals every 50 us, takes and gives back memory, and waits again, until WaitsAndMallocs.stop. It has a method for
 * each name under which Ruby's own classes wait.
 */
#include <pthread.h>
#include <ruby.h>
#include <ruby/thread.h>
#include <stdatomic.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static atomic_bool stopped;
static atomic_ulong rounds;

static void *signal_all(void *unused) {
	while (!atomic_load(&stopped)) {
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
		pthread_cond_broadcast(&condition);
	}
	return unused;
}

static void *churn(void *unused) {
	enum { KEPT = 64 };
	void *kept[KEPT] = {NULL};
	for (unsigned i = 0; !atomic_load(&stopped); i++) {
		pthread_mutex_lock(&lock);
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
		pthread_cond_timedwait(&condition, &lock, &until);
		pthread_mutex_unlock(&lock);
		for (unsigned j = 0; j < 200; j++) {
			void **slot = &kept[(i + j * 7) % KEPT];
			free(*slot);
			*slot = malloc(16 + (i * 131 + j * 977) % 40000);
		}
		atomic_fetch_add(&rounds, 1);
	}
	for (unsigned j = 0; j < KEPT; j++) free(kept[j]);
	return unused;
}

static void stop_one(void *unused) {
	(void)unused;
	atomic_store(&stopped, 1);
}

static VALUE wait_and_malloc(int argc, VALUE *argv, VALUE self) {
	(void)argc, (void)argv;
	rb_thread_call_without_gvl(churn, NULL, stop_one, NULL);
	return self;
}

static VALUE stop(VALUE self) {
	atomic_store(&stopped, 1);
	return self;
}

static VALUE count(VALUE self) {
	(void)self;
	return ULONG2NUM(atomic_load(&rounds));
}

void Init_waits_and_mallocs(void) {
	static const char *const names[] = {"sleep", "pop", "shift", "deq", "push", "enq", "<<", "lock", "synchronize",
		"wait", "join", "value", "stop", "select", "wait_readable", "wait_writable"};
	pthread_t signaller;
	VALUE class = rb_define_class("WaitsAndMallocs", rb_cObject);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		rb_define_method(class, names[i], wait_and_malloc, -1);
	rb_define_singleton_method(class, "stop", stop, 0);
	rb_define_singleton_method(class, "rounds", count, 0);
	pthread_create(&signaller, NULL, signal_all, NULL);
	pthread_detach(signaller);
}
