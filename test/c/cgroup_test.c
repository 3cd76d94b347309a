#include "testing.h"

#include "kernel/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V2_MOUNT                                                                                                       \
	"30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
#define ROOT_MOUNT "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"

static const char STAT_V2[] = "anon 1000\nfile 5000\nkernel 300\nkernel_stack 10\npagetables 20\nsec_pagetables 0\n"
			      "percpu 30\nsock 40\nvmalloc 0\nshmem 7\nslab 100\n";
static const char PRESSURE[] = "some avg10=1.53 avg60=0.12 avg300=100.00 total=123456\n"
			       "full avg10=0.00 avg60=0.00 avg300=0.07 total=18446744073709551615\n";

static struct cgroup *read_made(const char *membership, const char *mounts) {
	struct cgroup *cgroup = malloc(sizeof *cgroup);
	if (!cgroup) abort();
	testing_file("proc/self/cgroup", membership);
	testing_file("proc/self/mountinfo", mounts);
	cgroup_read(testing_tree(), PROC_SELF, cgroup);
	return cgroup;
}

static uint64_t value_of(const struct cgroup *cgroup, enum cgroup_figure figure) {
	CHECK_EQUAL(STATUS_OK, cgroup->values[figure].reading.status);
	return cgroup->values[figure].number;
}

TEST(another_process_is_looked_up_by_its_folder_in_the_callers_mounts) {
	testing_file("proc/self/cgroup", "0::/mine\n");
	testing_file("proc/77/cgroup", "0::/theirs\n");
	testing_file("proc/self/mountinfo", V2_MOUNT);
	testing_file("sys/fs/cgroup/mine/memory.stat", "anon 1\n");
	testing_file("sys/fs/cgroup/theirs/memory.stat", "anon 2\n");
	struct cgroup *cgroup = malloc(sizeof *cgroup);
	if (!cgroup) abort();
	cgroup_read(testing_tree(), "/proc/77", cgroup);
	CHECK_EQUAL(STATUS_OK, cgroup->values[CGROUP_FIGURE_anon].reading.status);
	CHECK_EQUAL(2, cgroup->values[CGROUP_FIGURE_anon].number);
	free(cgroup);
}

TEST(a_group_of_version_2_is_read) {
	testing_file("sys/fs/cgroup/memory.stat", "anon 9\n");
	testing_file("sys/fs/cgroup/app.slice/memory.stat", "anon 8\n");
	testing_file("sys/fs/cgroup/app.slice/memory.max", "2000000\n");
	testing_file("sys/fs/cgroup/app.slice/memory.high", "1500000\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.stat", STAT_V2);
	testing_file("sys/fs/cgroup/app.slice/web/memory.max", "3000000\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.high", "max\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.current", "6540\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.swap.max", "0\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.swap.current", "12\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.events",
		"low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
	testing_file("sys/fs/cgroup/app.slice/web/memory.pressure", PRESSURE);
	struct cgroup *cgroup = read_made("0::/app.slice/web\n", ROOT_MOUNT V2_MOUNT);

	CHECK_EQUAL(2, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup/app.slice/web", cgroup->path);
	CHECK_EQUAL(1000, value_of(cgroup, CGROUP_FIGURE_anon));
	CHECK_EQUAL(300, value_of(cgroup, CGROUP_FIGURE_kernel));
	CHECK_EQUAL(10, value_of(cgroup, CGROUP_FIGURE_kernel_stack));
	CHECK_EQUAL(40, value_of(cgroup, CGROUP_FIGURE_sock));
	CHECK_EQUAL(6540, value_of(cgroup, CGROUP_FIGURE_usage_raw));
	CHECK_EQUAL(12, value_of(cgroup, CGROUP_FIGURE_swap_usage));
	CHECK_EQUAL(1, value_of(cgroup, CGROUP_FIGURE_event_low));
	CHECK_EQUAL(4, value_of(cgroup, CGROUP_FIGURE_event_oom));
	CHECK_EQUAL(5, value_of(cgroup, CGROUP_FIGURE_event_oom_kill));

	CHECK_EQUAL(2000000, cgroup->limit.value.number);
	CHECK_EQUAL(1, cgroup->limit.levels_up);
	CHECK_EQUAL(1500000, cgroup->high.value.number);
	CHECK_EQUAL(1, cgroup->high.levels_up);
	CHECK_EQUAL(0, cgroup->swap_limit.value.number);
	CHECK_EQUAL(0, cgroup->swap_limit.levels_up);
	CHECK_EQUAL(STATUS_OK, cgroup->limit.refused.status);

	CHECK_EQUAL(STATUS_OK, cgroup->pressure.reading.status);
	CHECK_EQUAL(153, cgroup->pressure.some[PRESSURE_AVG10]);
	CHECK_EQUAL(10000, cgroup->pressure.some[PRESSURE_AVG300]);
	CHECK_EQUAL(123456, cgroup->pressure.some[PRESSURE_TOTAL]);
	CHECK_EQUAL(7, cgroup->pressure.full[PRESSURE_AVG300]);
	CHECK_EQUAL(UINT64_MAX, cgroup->pressure.full[PRESSURE_TOTAL]);
	free(cgroup);
}

TEST(memory_is_charged_to_the_nearest_group_that_has_the_controller) {
	testing_file("sys/fs/cgroup/pod/memory.stat", STAT_V2);
	testing_file("sys/fs/cgroup/pod/memory.max", "777\n");
	testing_file("sys/fs/cgroup/pod/inner/leaf/cgroup.procs", "1\n");
	struct cgroup *cgroup = read_made("0::/pod/inner/leaf\n", V2_MOUNT);
	CHECK_EQUAL(2, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup/pod", cgroup->path);
	CHECK_EQUAL(777, cgroup->limit.value.number);
	CHECK_EQUAL(0, cgroup->limit.levels_up);
	free(cgroup);
}

TEST(the_topmost_group_of_version_2_has_no_limit_file) {
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	struct cgroup *cgroup = read_made("0::/\n", V2_MOUNT);
	CHECK_EQUAL(2, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup", cgroup->path);
	CHECK_EQUAL(STATUS_UNREADABLE, cgroup->limit.value.reading.status);
	CHECK_EQUAL(ENOENT, cgroup->limit.value.reading.error);
	CHECK_EQUAL(STATUS_OK, cgroup->limit.refused.status);
	free(cgroup);
}

TEST(a_group_of_version_1_is_read) {
	testing_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	testing_file("sys/fs/cgroup/memory/memory.stat", "total_rss 1\n");
	testing_file("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "900000\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.limit_in_bytes", "9223372036854771712\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.usage_in_bytes", "50000\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.kmem.usage_in_bytes", "600\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.kmem.tcp.usage_in_bytes", "70\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.failcnt", "8\n");
	testing_file(
		"sys/fs/cgroup/memory/docker/c1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 9\n");
	testing_file("sys/fs/cgroup/memory/docker/c1/memory.stat",
		"rss 4\nhierarchical_memory_limit 800000\nhierarchical_memsw_limit 9223372036854771712\n"
		"total_rss 30000\ntotal_swap 5\n");
	struct cgroup *cgroup = read_made("9:name=systemd:/x\n4:cpu,memory:/docker/c1\n0::/\n", ROOT_MOUNT V1_MOUNT);
	CHECK_EQUAL(1, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup/memory/docker/c1", cgroup->path);
	CHECK_EQUAL(30000, value_of(cgroup, CGROUP_FIGURE_anon));
	CHECK_EQUAL(600, value_of(cgroup, CGROUP_FIGURE_kernel));
	CHECK_EQUAL(70, value_of(cgroup, CGROUP_FIGURE_sock));
	CHECK_EQUAL(5, value_of(cgroup, CGROUP_FIGURE_swap_in_stat));
	CHECK_EQUAL(800000, value_of(cgroup, CGROUP_FIGURE_hierarchical_limit));
	CHECK_EQUAL(CGROUP_UNLIMITED, value_of(cgroup, CGROUP_FIGURE_memory_and_swap_limit));
	CHECK_EQUAL(CGROUP_UNLIMITED, value_of(cgroup, CGROUP_FIGURE_limit));
	CHECK_EQUAL(8, value_of(cgroup, CGROUP_FIGURE_event_max));
	CHECK_EQUAL(9, value_of(cgroup, CGROUP_FIGURE_event_oom_kill));
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->values[CGROUP_FIGURE_event_high].reading.status);
	CHECK_EQUAL(900000, cgroup->limit.value.number);
	CHECK_EQUAL(1, cgroup->limit.levels_up);
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->high.value.reading.status);
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->pressure.reading.status);
	free(cgroup);
}

TEST(a_container_that_sees_its_own_group_mounted_is_read_there) {
	testing_file("sys/fs/cgroup/memory/memory.stat", "total_rss 11\n");
	/* without a namespace: the path is the host's, and the mount's root is that path */
	struct cgroup *cgroup = read_made(
		"4:memory:/docker/c1\n", "35 31 0:32 /docker/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
	CHECK_STRING("/sys/fs/cgroup/memory", cgroup->path);
	CHECK_EQUAL(11, value_of(cgroup, CGROUP_FIGURE_anon));
	free(cgroup);

	/* a root that is no part of the path, or a path that leads out of the namespace */
	cgroup = read_made(
		"4:memory:/docker/c1\n", "35 31 0:32 /docker/c10 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
	CHECK_STRING("/sys/fs/cgroup/memory", cgroup->path);
	free(cgroup);
	cgroup = read_made("4:memory:/../elsewhere\n", V1_MOUNT);
	CHECK_STRING("/sys/fs/cgroup/memory", cgroup->path);
	free(cgroup);
}

TEST(the_mount_that_shows_the_group_is_taken) {
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	testing_file("mnt/a b/web/memory.stat", STAT_V2);
	struct cgroup *cgroup = read_made("0::/app/web\n", "30 23 0:26 /other /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
							   "31 23 0:26 /app /mnt/a\\040b rw - cgroup2 cgroup2 rw\n"
							   "32 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	CHECK_STRING("/mnt/a b/web", cgroup->path);
	free(cgroup);
}

TEST(a_memory_controller_of_version_1_goes_before_an_empty_version_2) {
	testing_file("sys/fs/cgroup/memory/memory.stat", "total_rss 11\n");
	testing_file("sys/fs/cgroup/unified/app/memory.pressure", PRESSURE);
	struct cgroup *cgroup = read_made(
		"4:memory:/\n0::/app\n", V1_MOUNT "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	CHECK_EQUAL(1, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup/unified/app", cgroup->pressure_path);
	CHECK(cgroup->pressure.has_some && cgroup->pressure.has_full);
	free(cgroup);
}

TEST(without_a_memory_controller_there_is_no_version) {
	struct cgroup *cgroup = read_made("0::/\n", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	CHECK_EQUAL(0, cgroup->version);
	CHECK_STRING("", cgroup->path);
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->values[i].reading.status);
	}
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->limit.value.reading.status);
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->high.value.reading.status);
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->swap_limit.value.reading.status);
	free(cgroup);
	cgroup = read_made("0::/\n", ROOT_MOUNT);
	CHECK_EQUAL(0, cgroup->version);
	CHECK_EQUAL(STATUS_OK, cgroup->membership.status);
	free(cgroup);
}

TEST(missing_files_say_so) {
	struct cgroup *cgroup = malloc(sizeof *cgroup);
	REQUIRE(cgroup);
	cgroup_read(testing_tree(), PROC_SELF, cgroup);
	CHECK_EQUAL(0, cgroup->version);
	CHECK_EQUAL(ENOENT, cgroup->membership.error);
	CHECK_EQUAL(ENOENT, cgroup->mounts.error);
	free(cgroup);
}

TEST(odd_numbers_are_malformed) {
	static const char *const odd[] = {"-1\n", "12 13\n", "0x10\n", "max max\n", "18446744073709551616\n",
		"maximum\n", " 12\n", "12\t\n", "\n"};
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		testing_file("sys/fs/cgroup/memory.max", odd[i]);
		testing_file("sys/fs/cgroup/memory.current", odd[i]);
		struct cgroup *cgroup = read_made("0::/\n", V2_MOUNT);
		CHECK_EQUAL(STATUS_MALFORMED, cgroup->values[CGROUP_FIGURE_limit].reading.status);
		CHECK_EQUAL(STATUS_MALFORMED, cgroup->values[CGROUP_FIGURE_usage_raw].reading.status);
		CHECK_EQUAL(STATUS_MALFORMED, cgroup->limit.refused.status);
		free(cgroup);
	}
}

TEST(no_usage_is_unlimited) {
	testing_file("sys/fs/cgroup/memory.stat", "anon max\nsock 18446744073709551615\n");
	testing_file("sys/fs/cgroup/memory.current", "max\n");
	struct cgroup *cgroup = read_made("0::/\n", V2_MOUNT);
	CHECK_EQUAL(STATUS_MALFORMED, cgroup->values[CGROUP_FIGURE_usage_raw].reading.status);
	CHECK_EQUAL(STATUS_MALFORMED, cgroup->values[CGROUP_FIGURE_anon].reading.status);
	CHECK_EQUAL(STATUS_MALFORMED, cgroup->values[CGROUP_FIGURE_sock].reading.status);
	CHECK_EQUAL(STATUS_UNSUPPORTED, cgroup->values[CGROUP_FIGURE_kernel].reading.status);
	free(cgroup);
}

TEST(odd_membership_and_mounts_do_no_harm) {
	static const char *const odd[] = {
		"", "\n", "::", "0::", "0::relative\n", "0:/\n", "garbage", "4:memory\n", "4:memory:\n", "::::/::/\n"};
	static const char *const mounts[] = {"", "\n", " - \n", "- cgroup2\n", "1 2 3 4 5 - cgroup2\n",
		"1 2 3 / /sys - \n", "30 23 0:26 / /sys/fs/cgroup\n", "a b c d\\04 e\\999 - cgroup2 x y\n"};
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct cgroup *cgroup = read_made(odd[i], V2_MOUNT);
		CHECK_EQUAL(0, cgroup->version);
		CHECK_EQUAL(STATUS_MALFORMED, cgroup->membership.status);
		free(cgroup);
	}
	for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		struct cgroup *cgroup = read_made("0::/\n", mounts[i]);
		CHECK_EQUAL(0, cgroup->version);
		free(cgroup);
	}
}

TEST(a_path_that_does_not_fit_falls_back_to_the_mount_point) {
	char membership[PATH_MAX + 64] = "0::";
	memset(membership + 3, '/', PATH_MAX);
	membership[3 + PATH_MAX] = '\n';
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	struct cgroup *cgroup = read_made(membership, V2_MOUNT);
	CHECK_EQUAL(0, cgroup->version); /* no path, no group */
	free(cgroup);
	membership[3 + PATH_MAX - 2] = '\n';
	membership[3 + PATH_MAX - 1] = '\0';
	cgroup = read_made(membership, V2_MOUNT);
	CHECK_EQUAL(2, cgroup->version);
	CHECK_STRING("/sys/fs/cgroup", cgroup->path);
	free(cgroup);
}

TEST(odd_pressure_is_malformed) {
	static const char *const odd[] = {"", "some\n", "some avg10=1 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=1.5 avg60=0.00 avg300=0.00 total=0\n", "some avg10=101.00 avg60=0.00 avg300=0.00 total=0\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=99999999999999999999\n",
		"none avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"};
	testing_file("sys/fs/cgroup/memory.stat", STAT_V2);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		testing_file("sys/fs/cgroup/memory.pressure", odd[i]);
		struct cgroup *cgroup = read_made("0::/\n", V2_MOUNT);
		CHECK_EQUAL(STATUS_MALFORMED, cgroup->pressure.reading.status);
		free(cgroup);
	}
}

TEST(every_figure_has_a_source) {
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		const struct cgroup_source *source = &cgroup_sources[i];
		CHECK(source->in[0].file || source->in[1].file);
		for (unsigned version = 0; version < 2; version++)
			CHECK(source->in[version].file || !source->in[version].key);
	}
}
