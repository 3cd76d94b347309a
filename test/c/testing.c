#define _GNU_SOURCE
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_PATHS 64
#define SECONDS_FOR_ALL 300

static struct test *first, **last = &first;
static unsigned failed_checks;
static char skipped_because[256];
static char tree[256];
static char *paths[TREE_PATHS];
static unsigned path_count;

void testing_enter(struct test *test) {
	*last = test;
	last = &test->next;
}

bool testing_check(bool held, const char *claim, const char *file, int line) {
	if (!held) {
		failed_checks++;
		printf("%s:%d: not so: %s\n", file, line, claim);
	}
	return held;
}

bool testing_check_equal(uint64_t expected, uint64_t actual, const char *claim, const char *file, int line) {
	if (expected == actual) return true;
	failed_checks++;
	printf("%s:%d: %s is %lld (%#llx), expected %lld (%#llx)\n", file, line, claim, (long long)actual,
		(unsigned long long)actual, (long long)expected, (unsigned long long)expected);
	return false;
}

bool testing_check_string(const char *expected, const char *actual, const char *claim, const char *file, int line) {
	if (expected == actual || (expected && actual && strcmp(expected, actual) == 0)) return true;
	failed_checks++;
	printf("%s:%d: %s is \"%s\", expected \"%s\"\n", file, line, claim, actual ? actual : "(NULL)",
		expected ? expected : "(NULL)");
	return false;
}

/* A copy: the reason may stand on the stack of the test, which is over when it is told. */
void testing_skip(const char *reason) {
	snprintf(skipped_because, sizeof skipped_because, "%s", reason[0] ? reason : "without a reason");
}

/* What a test cannot do without: there is no use in going on. */
static void give_up(const char *what) {
	printf("cannot %s: %s\n", what, strerror(errno));
	exit(2);
}

const char *testing_tree(void) {
	if (tree[0] == '\0') {
		const char *parent = getenv("TMPDIR");
		snprintf(tree, sizeof tree, "%s/allocstats-c-test-XXXXXX", parent ? parent : "/tmp");
		if (!mkdtemp(tree)) give_up("make a folder");
	}
	return tree;
}

static void make_folders_above(char *path) {
	for (char *slash = path + strlen(tree) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) give_up("make a folder in the tree");
		*slash = '/';
	}
}

const char *testing_file(const char *path, const char *content) {
	size_t room = strlen(testing_tree()) + strlen(path) + 2;
	char *whole = path_count < TREE_PATHS ? malloc(room) : NULL;
	if (!whole) give_up("keep one more path of the tree");
	paths[path_count++] = whole;
	snprintf(whole, room, "%s/%s", tree, path);
	make_folders_above(whole);

	FILE *file = fopen(whole, "we");
	if (!file || fputs(content, file) < 0 || fclose(file) != 0) give_up("write a file in the tree");
	return whole;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk) {
	(void)status, (void)type, (void)walk;
	return remove(path);
}

static void remove_tree(void) {
	if (tree[0] != '\0') nftw(tree, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	tree[0] = '\0';
	while (path_count > 0) free(paths[--path_count]);
}

/* With an argument, only tests whose name or file holds it. */
static bool is_wanted(const struct test *test, int count, char **arguments) {
	return count < 2 || strstr(test->name, arguments[1]) || strstr(test->file, arguments[1]);
}

int main(int count, char **arguments) {
	unsigned passed = 0, failed = 0, skipped = 0;

	/* A crash must not swallow the name of the test that crashed. */
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	/* Nor may one that hangs hold up the others that are run after this program. */
	alarm(SECONDS_FOR_ALL);
	for (struct test *test = first; test; test = test->next) {
		if (!is_wanted(test, count, arguments)) continue;
		failed_checks = 0;
		skipped_because[0] = '\0';
		test->run();
		remove_tree();
		if (failed_checks > 0) {
			failed++;
			printf("FAILED   %s\n", test->name);
		} else if (skipped_because[0] != '\0') {
			skipped++;
			printf("skipped  %s: %s\n", test->name, skipped_because);
		} else {
			passed++;
		}
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed > 0 || passed == 0;
}
