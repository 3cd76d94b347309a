#include "exec_filter/stack.h"
#include "testing.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { KILOBYTE = 1024, BYTES = 512 * KILOBYTE };

static bool had_little, had_much;

static void *look(void *unused) {
	had_little = stack_has(4 * KILOBYTE);
	had_much = stack_has(BYTES);
	return unused;
}

static void look_in_handler(int signal) {
	(void)signal;
	look(NULL);
}

static bool is_under_valgrind(void) {
	const char *preloaded = getenv("LD_PRELOAD");
	return preloaded && strstr(preloaded, "vgpreload_memcheck");
}

/* The kernel lets a stack grow where it reads on the program's behalf, valgrind only where the program itself does. */
__attribute__((noinline)) static void grow(void) {
	volatile char area[BYTES + 64 * KILOBYTE];
	for (size_t i = sizeof area; i > KILOBYTE; i -= KILOBYTE) area[i - 1] = 1;
	area[0] = 1;
}

TEST(the_main_thread_has_what_its_limit_allows) {
	struct rlimit limit;
	REQUIRE(!getrlimit(RLIMIT_STACK, &limit));
	if (limit.rlim_cur == RLIM_INFINITY) SKIP("the stack is not limited");
	if (!stack_has(1)) SKIP("this kernel does not tell what may be read (qemu-user)");
	if (is_under_valgrind()) grow();
	CHECK(stack_has(BYTES));
	CHECK(!stack_has((size_t)limit.rlim_cur + KILOBYTE));
	CHECK(!stack_has((size_t)-1));
}

TEST(a_thread_has_its_own_stack_alone) {
	pthread_t thread;
	if (!stack_has(1)) SKIP("this kernel does not tell what may be read (qemu-user)");
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	REQUIRE(!pthread_attr_setstacksize(&attributes, BYTES - 128 * KILOBYTE));
	REQUIRE(!pthread_create(&thread, &attributes, look, NULL));
	pthread_join(thread, NULL);
	CHECK(had_little);
	CHECK(!had_much);
}

TEST(a_handler_has_its_alternate_stack_alone) {
	const size_t bytes = 64 * KILOBYTE;
	char *area = malloc(2 * BYTES); /* nothing guards it below */
	stack_t stack = {.ss_sp = area + BYTES, .ss_size = bytes}, before;
	struct sigaction action = {.sa_handler = look_in_handler, .sa_flags = SA_ONSTACK}, other;
	REQUIRE(!sigaltstack(&stack, &before));
	REQUIRE(!sigaction(SIGUSR1, &action, &other));
	raise(SIGUSR1);
	sigaction(SIGUSR1, &other, NULL);
	sigaltstack(&before, NULL);
	free(area);
	CHECK(had_little);
	CHECK(!had_much);
}
