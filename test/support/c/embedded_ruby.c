/* A program with Ruby in it, to be linked with an allocator: statically or as a library. */
#include <ruby.h>

int main(int argc, char **argv) {
	ruby_sysinit(&argc, &argv);
	RUBY_INIT_STACK;
	ruby_init();
	return ruby_run_node(ruby_options(argc, argv));
}
