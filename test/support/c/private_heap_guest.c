/*
 * What the private heap does to the process it is a guest of, told as lines of "key value":
 *
 *   huge_pages_disabled   the process-wide switch, which is the host's; it was off
 *   refused_huge_pages    whether the mapping that holds a private block takes no huge pages
 *   mapped_by_a_thread    bytes of address space that a thread's first block adds
 */
#include "private_heap.h"

#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static sem_t go, done;

static unsigned long virtual_bytes(void) {
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file || fscanf(file, "%lu", &pages) != 1) perror("/proc/self/statm"), _exit(1);
	fclose(file);
	return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

/* 1 or 0; -1 where the kernel shows no flags. */
static int refuses_huge_pages(const void *block) {
	char line[4096];
	int inside = 0;
	FILE *file = fopen("/proc/self/smaps", "re");
	if (!file) perror("/proc/self/smaps"), _exit(1);
	while (fgets(line, sizeof line, file)) {
		uintptr_t begin, end;
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
			inside = begin <= (uintptr_t)block && (uintptr_t)block < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			return fclose(file), strstr(line, " nh") != NULL;
	}
	return fclose(file), -1;
}

static void *first_block(void *unused) {
	sem_wait(&go);
	private_alloc(PRIVATE_samples, 200);
	sem_post(&done);
	sem_wait(&go);
	return unused;
}

/* The switch is inherited, and Ruby sets it for itself; an allocator would set it before main. So begin anew without.
 */
static void begin_with_huge_pages(char **argv) {
	if (argv[1] || !prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0)) return;
	char *again[] = {argv[0], "again", NULL};
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	execv("/proc/self/exe", again);
	perror("execv"), _exit(1);
}

int main(int argc, char **argv) {
	(void)argc;
	begin_with_huge_pages(argv);
	private_heap_init();
	void *block = private_alloc(PRIVATE_samples, 200);
	printf("huge_pages_disabled %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	printf("refused_huge_pages %d\n", refuses_huge_pages(block));

	pthread_t thread;
	sem_init(&go, 0, 0), sem_init(&done, 0, 0);
	if (pthread_create(&thread, NULL, first_block, NULL) != 0) return perror("pthread_create"), 1;
	unsigned long before = virtual_bytes();
	sem_post(&go), sem_wait(&done);
	printf("mapped_by_a_thread %lu\n", virtual_bytes() - before);
	sem_post(&go);
	pthread_join(thread, NULL);
	return 0;
}
