/* A library to preload that is no allocator. */
int allocstats_test_nothing(void);

int allocstats_test_nothing(void) {
	return 0;
}
