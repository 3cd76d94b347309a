/* A library to preload that needs a function which no process has. */
extern int from_the_future(void);

__attribute__((constructor)) static void needs(void) {
	from_the_future();
}
