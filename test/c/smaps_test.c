#include "testing.h"

#include "kernel/mappings.h"
#include "kernel/smaps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char TWO_MAPPINGS[] = "00400000-00420000 r-xp 00000000 fe:00 77                 /usr/bin/a program: odd\n"
				   "Size:                128 kB\n"
				   "Rss:                  64 kB\n"
				   "Pss:                  21 kB\n"
				   "Shared_Clean:         60 kB\n"
				   "Shared_Dirty:          0 kB\n"
				   "Private_Clean:         4 kB\n"
				   "Private_Dirty:         0 kB\n"
				   "AnonHugePages:         0 kB\n"
				   "Swap:                  0 kB\n"
				   "SwapPss:               0 kB\n"
				   "THPeligible:           0\n"
				   "VmFlags: rd ex mr mw me \n"
				   "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
				   "Rss:                 512 kB\n"
				   "Pss:                 512 kB\n"
				   "Swap:                 12 kB\n"
				   "VmFlags: rd wr mr mw me ac gu nh \n";

static struct reading read_made(const char *content, struct mappings *out) {
	testing_file("proc/self/smaps", content);
	return smaps_read(testing_tree(), PROC_SELF, out);
}

static struct mapping_figures sum_of(const struct mappings *mappings) {
	struct mapping_figures sum = mapping_figures_zero;
	for (size_t i = 0; i < mappings->count; i++) mapping_figures_add(&sum, &mappings->items[i].figures);
	return sum;
}

static bool has(const struct mapping_figures *figures, enum mapping_figure figure) {
	return figures->present >> figure & 1;
}

TEST(mappings_are_read_with_their_figures) {
	struct mappings mappings;
	REQUIRE_EQUAL(STATUS_OK, read_made(TWO_MAPPINGS, &mappings).status);
	REQUIRE_EQUAL(2, mappings.count);
	const struct mapping *first = &mappings.items[0], *second = &mappings.items[1];
	CHECK_EQUAL(0x400000, first->start);
	CHECK_EQUAL(0x420000, first->end);
	CHECK_EQUAL(MAPPING_READABLE | MAPPING_EXECUTABLE | MAPPING_OF_FILE, first->traits);
	CHECK_EQUAL(77, first->inode);
	CHECK_EQUAL(64 << 10, first->figures.value[MAPPING_FIGURE_rss]);
	CHECK_EQUAL(60 << 10, first->figures.value[MAPPING_FIGURE_shared_clean]);
	CHECK_EQUAL(MAPPING_READABLE | MAPPING_WRITABLE | MAPPING_NAMELESS | MAPPING_GUARDED | MAPPING_NO_HUGE,
		second->traits);
	CHECK_EQUAL(12 << 10, second->figures.value[MAPPING_FIGURE_swap]);
	mappings_free(&mappings);
}

TEST(a_figure_that_one_mapping_lacks_is_absent_from_the_sum) {
	struct mappings mappings;
	REQUIRE_EQUAL(STATUS_OK, read_made(TWO_MAPPINGS, &mappings).status);
	struct mapping_figures sum = sum_of(&mappings);
	CHECK_EQUAL(576 << 10, sum.value[MAPPING_FIGURE_rss]);
	CHECK(has(&sum, MAPPING_FIGURE_rss));
	CHECK(has(&sum, MAPPING_FIGURE_swap));
	CHECK(!has(&sum, MAPPING_FIGURE_swap_pss));
	CHECK(!has(&sum, MAPPING_FIGURE_private_dirty));
	mappings_free(&mappings);
}

TEST(a_number_past_64_bits_is_absent) {
	static const char *const numbers[] = {"18446744073709551616 kB", "18014398509481984 kB", "-4 kB", "0x10 kB",
		"12 MB", "12", "", "12 kB kB", "99999999999999999999999999999999999999 kB"};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		char content[256];
		struct mappings mappings;
		snprintf(content, sizeof content, "1000-2000 rw-p 0 00:00 0 \nRss: %s\nPss: 4 kB\n", numbers[i]);
		REQUIRE_EQUAL(STATUS_OK, read_made(content, &mappings).status);
		REQUIRE_EQUAL(1, mappings.count);
		CHECK(!has(&mappings.items[0].figures, MAPPING_FIGURE_rss));
		CHECK(has(&mappings.items[0].figures, MAPPING_FIGURE_pss));
		mappings_free(&mappings);
	}
}

TEST(a_sum_past_64_bits_is_absent) {
	struct mappings mappings;
	REQUIRE_EQUAL(STATUS_OK, read_made("1000-2000 rw-p 0 00:00 0 \nRss: 18014398509481983 kB\nPss: 4 kB\n"
					   "2000-3000 rw-p 0 00:00 0 \nRss: 1 kB\nPss: 4 kB\n",
					 &mappings)
					 .status);
	struct mapping_figures sum = sum_of(&mappings);
	CHECK(!has(&sum, MAPPING_FIGURE_rss));
	CHECK_EQUAL(8 << 10, sum.value[MAPPING_FIGURE_pss]);
	mappings_free(&mappings);
}

TEST(what_is_no_smaps_is_malformed_and_says_where) {
	static const struct {
		const char *content;
		uint64_t line;
	} files[] = {
		{"", 0},
		{"\n", 1},
		{"Rss: 4 kB\n", 1},
		{"hello\n", 1},
		{"1000-2000\n", 1},
		{"1000-2000 rw-p 0 00:00\n", 1},
		{"2000-1000 rw-p 0 00:00 0 \n", 1},
		{"1000-2000 rwzp 0 00:00 0 \n", 1},
		{"10000000000000000-20000000000000000 rw-p 0 00:00 0 \n", 1},
		{"1000-2000 rw-p 0 00:00 0 \nRss: 4 kB\n7f00-7", 3},
		{"8000-9000 rw-p 0 00:00 0 \nRss: 4 kB\n1000-2000 rw-p 0 00:00 0 \n", 3},
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct mappings mappings;
		struct reading reading = read_made(files[i].content, &mappings);
		CHECK_EQUAL(STATUS_MALFORMED, reading.status);
		CHECK_EQUAL(files[i].line, reading.line);
		mappings_free(&mappings);
	}
}

TEST(a_mapping_that_is_listed_again_counts_once) {
	struct mappings mappings;
	/* grown between two reads: the second line takes in the first two */
	REQUIRE_EQUAL(STATUS_OK, read_made("1000-2000 rw-p 0 00:00 0 \nRss: 4 kB\n"
					   "2000-3000 rw-p 0 00:00 0 \nRss: 4 kB\n"
					   "1000-5000 rw-p 0 00:00 0 \nRss: 16 kB\n"
					   "5000-6000 r--p 0 00:00 0 \nRss: 4 kB\n",
					 &mappings)
					 .status);
	CHECK_EQUAL(2, mappings.count);
	CHECK_EQUAL(20 << 10, sum_of(&mappings).value[MAPPING_FIGURE_rss]);
	mappings_free(&mappings);
}

TEST(a_line_of_a_megabyte_is_cut) {
	const size_t length = 1 << 20;
	struct mappings mappings;
	char *content = malloc(length + 256);
	REQUIRE(content);
	strcpy(content, "1000-2000 r--p 0 fe:00 5 /");
	memset(content + strlen(content), 'x', length);
	strcpy(content + length, "\nRss: 4 kB\n");
	REQUIRE_EQUAL(STATUS_OK, read_made(content, &mappings).status);
	CHECK_EQUAL(1, mappings.count);
	CHECK_EQUAL(4 << 10, sum_of(&mappings).value[MAPPING_FIGURE_rss]);
	mappings_free(&mappings);

	memset(content, 'y', length); /* and one without any sense or end */
	content[length] = '\0';
	CHECK_EQUAL(STATUS_MALFORMED, read_made(content, &mappings).status);
	mappings_free(&mappings);
	free(content);
}

TEST(a_nul_ends_a_line_early) {
	static const char content[] = "1000-2000 rw-p 0 00:00 0 \nRss: 4\0 kB\nPss: 4 kB\n\0\0\n";
	const char *path = testing_file("proc/self/smaps", "");
	struct mappings mappings;
	FILE *file = fopen(path, "we");
	REQUIRE(file);
	CHECK_EQUAL(sizeof content - 1, fwrite(content, 1, sizeof content - 1, file));
	fclose(file);
	struct reading reading = smaps_read(testing_tree(), PROC_SELF, &mappings);
	CHECK_EQUAL(STATUS_MALFORMED, reading.status); /* by its last line; and before that: */
	CHECK_EQUAL(4, reading.line);
	CHECK_EQUAL(1, mappings.count);
	CHECK(!has(&mappings.items[0].figures, MAPPING_FIGURE_rss));
	CHECK(has(&mappings.items[0].figures, MAPPING_FIGURE_pss));
	mappings_free(&mappings);
}

TEST(what_cannot_be_opened_says_why) {
	struct mappings mappings;
	struct mapping_figures figures;
	CHECK_EQUAL(ENOENT, smaps_read(testing_tree(), PROC_SELF, &mappings).error);
	CHECK_EQUAL(ENOENT, smaps_rollup_read(testing_tree(), PROC_SELF, &figures).error);

	testing_file("proc/self/smaps/inside", "");
	struct reading reading = smaps_read(testing_tree(), PROC_SELF, &mappings);
	CHECK_EQUAL(STATUS_UNREADABLE, reading.status);
	CHECK_EQUAL(EISDIR, reading.error);

	char *root = malloc(8192);
	REQUIRE(root);
	memset(root, 'r', 8191);
	root[0] = '/';
	root[8191] = '\0';
	CHECK_EQUAL(ENAMETOOLONG, smaps_read(root, PROC_SELF, &mappings).error);
	free(root);
}

TEST(a_pipe_in_place_of_the_file_does_not_make_the_reader_wait) {
	char path[512];
	struct mappings mappings;
	testing_file("proc/self/other", "");
	snprintf(path, sizeof path, "%s/proc/self/smaps", testing_tree());
	REQUIRE_EQUAL(0, mkfifo(path, 0600));
	CHECK_EQUAL(STATUS_UNREADABLE, smaps_read(testing_tree(), PROC_SELF, &mappings).status);
	CHECK_EQUAL(0, mappings.count);
}

TEST(an_unreadable_file_says_permission_denied) {
	const char *path = testing_file("proc/self/smaps", TWO_MAPPINGS);
	struct mappings mappings;
	REQUIRE_EQUAL(0, chmod(path, 0));
	uid_t user = geteuid();
	if (user == 0) REQUIRE_EQUAL(0, seteuid(65534)); /* root would be let in */
	struct reading reading = smaps_read(testing_tree(), PROC_SELF, &mappings);
	if (user == 0) REQUIRE_EQUAL(0, seteuid(0));
	CHECK_EQUAL(EACCES, reading.error);
}

TEST(the_rollup_is_read) {
	struct mapping_figures figures;
	testing_file("proc/self/smaps_rollup",
		"55d0-7fff ---p 00000000 00:00 0                          [rollup]\n"
		"Rss:                1756 kB\nPss:                 342 kB\nPss_Dirty: 116 kB\n");
	REQUIRE_EQUAL(STATUS_OK, smaps_rollup_read(testing_tree(), PROC_SELF, &figures).status);
	CHECK_EQUAL(1756 << 10, figures.value[MAPPING_FIGURE_rss]);
	CHECK_EQUAL(342 << 10, figures.value[MAPPING_FIGURE_pss]);
	CHECK(!has(&figures, MAPPING_FIGURE_swap));
}

TEST(each_mapping_has_the_kind_that_its_line_tells) {
	static const struct {
		const char *line;
		enum mapping_kind kind;
	} known[] = {
		{"01000-02000 r--p 0 fe:00 5 /usr/lib/libone.so", MAPPING_KIND_code},
		{"02000-03000 r-xp 0 fe:00 5 /usr/lib/libone.so", MAPPING_KIND_code},
		{"03000-04000 rw-p 0 fe:00 5 /usr/lib/libone.so", MAPPING_KIND_code},
		{"04000-05000 r--p 0 fe:01 5 /the/same/inode/elsewhere", MAPPING_KIND_file},
		{"05000-06000 r--s 0 fe:00 6 /var/data", MAPPING_KIND_file},
		{"06000-07000 rw-s 0 00:01 7 /memfd:ring (deleted)", MAPPING_KIND_shared},
		{"07000-08000 rw-s 0 00:01 8 /SYSV00000000 (deleted)", MAPPING_KIND_shared},
		{"08000-09000 rw-s 0 00:1a 9 /dev/shm/pool", MAPPING_KIND_shared},
		{"09000-0a000 rw-s 0 00:01 10 /dev/zero (deleted)", MAPPING_KIND_shared},
		{"0a000-0b000 rw-p 0 00:00 0 [heap]", MAPPING_KIND_malloc},
		{"0b000-0c000 r-xp 0 00:00 0 ", MAPPING_KIND_jit},
		{"0c000-0d000 r-xp 0 00:00 0 [anon:Ruby:rb_yjit_reserve_addr_space]", MAPPING_KIND_jit},
		{"0d000-0e000 rw-p 0 00:00 0 [anon:Ruby:GC:default:heap_page_body_allocate]", MAPPING_KIND_ruby_heap},
		{"0e000-0f000 rw-p 0 00:00 0 [anon: glibc: malloc arena]", MAPPING_KIND_malloc},
		{"0f000-10000 rw-p 0 00:00 0 [anon: glibc: pthread stack: 12]", MAPPING_KIND_stack},
		{"10000-11000 rw-p 0 00:00 0 [anon:allocstats]", MAPPING_KIND_private_heap},
		{"11000-12000 rw-p 0 00:00 0 [anon:somebody's]", MAPPING_KIND_other},
		{"12000-13000 rw-p 0 00:00 0", MAPPING_KIND_other},
		{"13000-14000 rw-p 0 00:00 0 [stack]", MAPPING_KIND_stack},
		{"14000-15000 r-xp 0 00:00 0 [vdso]", MAPPING_KIND_code},
	};
	enum { KNOWN = sizeof known / sizeof *known };
	char content[KNOWN * 96] = "";
	struct mappings mappings;
	for (size_t i = 0; i < KNOWN; i++) strcat(strcat(content, known[i].line), "\nRss: 4 kB\n");
	REQUIRE_EQUAL(STATUS_OK, read_made(content, &mappings).status);
	REQUIRE_EQUAL(KNOWN, mappings.count);
	mappings_classify(&mappings, true);
	for (size_t i = 0; i < KNOWN; i++) {
		if (!CHECK_EQUAL(known[i].kind, mappings.items[i].kind)) puts(known[i].line);
	}
	mappings_classify(&mappings, false);
	CHECK_EQUAL(MAPPING_KIND_other, mappings.items[9].kind);
	mappings_free(&mappings);
}

TEST(this_process_is_read_whole) {
	struct mappings mappings;
	struct reading reading = smaps_read("", PROC_SELF, &mappings);
	REQUIRE_EQUAL(STATUS_OK, reading.status);
	struct mapping_figures sum = sum_of(&mappings);
	CHECK(has(&sum, MAPPING_FIGURE_rss));
	CHECK(has(&sum, MAPPING_FIGURE_pss));
	CHECK_EQUAL(sum.value[MAPPING_FIGURE_rss],
		sum.value[MAPPING_FIGURE_shared_clean] + sum.value[MAPPING_FIGURE_shared_dirty] +
			sum.value[MAPPING_FIGURE_private_clean] + sum.value[MAPPING_FIGURE_private_dirty]);
	const struct mapping *own = mappings_find(&mappings, (uint64_t)(uintptr_t)&sum);
	REQUIRE(own);
	CHECK(own->traits & MAPPING_WRITABLE);
	CHECK(!mappings_find(&mappings, 1));
	mappings_free(&mappings);
}

TEST(a_full_descriptor_table_is_told) {
	struct mappings mappings;
	struct rlimit limit, none;
	REQUIRE_EQUAL(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	REQUIRE_EQUAL(0, setrlimit(RLIMIT_NOFILE, &none));
	struct reading reading = smaps_read("", PROC_SELF, &mappings);
	setrlimit(RLIMIT_NOFILE, &limit);
	mappings_free(&mappings);
	CHECK_EQUAL(STATUS_UNREADABLE, reading.status);
	CHECK_EQUAL(EMFILE, reading.error);
}
