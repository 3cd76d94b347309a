/* A program that allocates, says so, and waits to be ended. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
	char *block = malloc(100);
	if (block) puts("ready");
	fflush(stdout);
	pause();
	free(block);
	return 0;
}
