/* mallctl without a jemalloc: the table and its names, and calls of a made one that has some of them. */
#include "testing.h"

#include "allocators/jemalloc/mallctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mallctl_name find(const char *name) {
	struct mallctl_name found;
	CHECK_EQUAL(STATUS_OK, mallctl_find(name, strlen(name), &found));
	return found;
}

static bool is_found(const char *name) {
	struct mallctl_name found;
	return mallctl_find(name, strlen(name), &found) == STATUS_OK;
}

TEST(each_name_of_the_table_is_found_by_itself) {
	for (size_t i = 0; i < mallctl_count; i++) {
		struct mallctl_name found = find(mallctls[i].name);
		CHECK(found.entry == &mallctls[i]);
		for (unsigned which = 0; which < found.indices; which++)
			CHECK_EQUAL(MALLCTL_INDEX_MISSING, found.index[which]);
	}
}

TEST(names_are_short_enough_and_not_too_deep) {
	for (size_t i = 0; i < mallctl_count; i++) {
		size_t depth = 1;
		for (const char *c = mallctls[i].name; *c; c++) depth += *c == '.';
		CHECK(strlen(mallctls[i].name) <= MALLCTL_LONGEST_NAME);
		CHECK(depth <= MALLCTL_DEPTH);
	}
}

TEST(only_names_that_can_be_read_are_snapshots) {
	for (size_t i = 0; i < mallctl_count; i++)
		if (mallctls[i].snapshot) CHECK_EQUAL(MALLCTL_USE_READ, mallctl_accesses[mallctls[i].access].bare);
}

TEST(only_names_with_the_index_of_an_arena_take_all_of_them) {
	for (size_t i = 0; i < mallctl_count; i++)
		if (mallctls[i].sums)
			CHECK(strstr(mallctls[i].name, "arena.<i>.") || strstr(mallctls[i].name, "arenas.<i>."));
}

TEST(numbers_take_the_place_of_placeholders) {
	struct mallctl_name found = find("stats.arenas.12.bins.3.curregs");
	CHECK_STRING("stats.arenas.<i>.bins.<j>.curregs", found.entry->name);
	CHECK_EQUAL(2, found.indices);
	CHECK_EQUAL(12, found.index[0]);
	CHECK_EQUAL(3, found.index[1]);
	CHECK_EQUAL(7, find("arena.007.purge").index[0]);
}

TEST(all_and_destroyed_are_arenas) {
	CHECK_EQUAL(MALLCTL_ARENAS_ALL, find("arena.all.purge").index[0]);
	CHECK_EQUAL(MALLCTL_ARENAS_DESTROYED, find("stats.arenas.destroyed.mapped").index[0]);
	CHECK(!is_found("arenas.bin.all.size"));
	CHECK(!is_found("all"));
}

TEST(numbers_that_no_size_t_holds_stay_too_large) {
	CHECK_EQUAL(SIZE_MAX - 1, find("arena.99999999999999999999999999999999.purge").index[0]);
	CHECK_EQUAL(SIZE_MAX - 1, find("arena.18446744073709551615.purge").index[0]);
}

TEST(what_is_no_name_is_not_found) {
	static const char *const names[] = {"", ".", "..", "stats", "stats.", ".stats.active", "stats..active",
		"arena.x.purge", "arena.-1.purge", "arena.+1.purge", "arena. 1.purge", "arena..purge", "arena.0",
		"0.0.0", "stats.arenas.0.bins.1.mutex.2", "epoch ", "Epoch"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(!is_found(names[i]));
}

TEST(a_name_ends_where_its_length_says) {
	struct mallctl_name found;
	CHECK_EQUAL(STATUS_OK, mallctl_find("epoch and more", 5, &found));
	CHECK_EQUAL(STATUS_UNKNOWN_NAME, mallctl_find("epoch\0", 6, &found));
	CHECK_EQUAL(STATUS_UNKNOWN_NAME, mallctl_find("", 0, &found));
}

TEST(long_names_are_not_found_and_near_nothing) {
	char *name = malloc(1 << 20);
	REQUIRE(name != NULL);
	for (size_t length = 100; length <= 1 << 20; length *= 2) {
		struct mallctl_name found;
		memset(name, length % 3 ? 'a' : '.', length);
		CHECK_EQUAL(STATUS_UNKNOWN_NAME, mallctl_find(name, length, &found));
		CHECK(!mallctl_nearest(name, length));
	}
	free(name);
}

static const char *nearest(const char *name) {
	const struct mallctl *entry = mallctl_nearest(name, strlen(name));
	return entry ? entry->name : NULL;
}

TEST(the_nearest_name_is_given) {
	CHECK_STRING("stats.allocated", nearest("stats.alocated"));
	CHECK_STRING("arena.<i>.purge", nearest("arena.3.purg"));
	CHECK_STRING("arena.<i>.purge", nearest("arena.x.purge"));
	CHECK_STRING("stats.arenas.<i>.bins.<j>.curregs", nearest("stats.arena.0.bins.3.curreg"));
	CHECK_STRING("epoch", nearest("epohc"));
	CHECK_STRING(NULL, nearest("what an odd name to ask for"));
}

/*
 * The made jemalloc has three arenas, of which the third was never used. Its MIB holds which of its rows it is, and in
 * the place of each index the index.
 */
static struct {
	int resolved, called; /* how often */
	size_t beyond;        /* how often with an index that does not exist */
	uint64_t epoch;
	ssize_t decay;
	bool threads;
	int refuse_with; /* what background_thread answers after it noted the value */
	const char *dss;
	char name[32];
} made;

static const char *const made_rows[] = {"epoch", "arenas.narenas", "arenas.nbins", "arenas.nlextents", "opt.narenas",
	"opt.max_background_threads", "max_background_threads", "arena.<i>.initialized", "arena.<i>.dirty_decay_ms",
	"arena.<i>.purge", "arena.<i>.dss", "arena.<i>.name", "stats.arenas.<i>.pdirty",
	"stats.arenas.<i>.bins.<j>.curregs", "stats.arenas.<i>.extents.<j>.ndirty", "arenas.dirty_decay_ms",
	"background_thread", "prof.active", "thread.tcache.flush", "thread.arena", "arenas.bin.<i>.nregs",
	"opt.stats_interval", "config.malloc_conf", "thread.tcache.ncached_max.read_sizeclass", "arenas.page"};
enum { EXTENTS = 7 };

static bool is_row(const size_t *mib, const char *name) {
	return strcmp(made_rows[mib[0]], name) == 0;
}

/* Indices stand where they stand in the name. */
static int made_to_mib(const char *name, size_t *mib, size_t *length) {
	struct mallctl_name found;
	made.resolved++;
	if (mallctl_find(name, strlen(name), &found) != STATUS_OK) return ENOENT;
	for (size_t row = 0; row < sizeof made_rows / sizeof *made_rows; row++) {
		if (strcmp(made_rows[row], found.entry->name) != 0) continue;
		const char *rest = name;
		struct mallctl_part part;
		size_t depth = 0;
		for (; mallctl_next_part(&rest, name + strlen(name), &part); depth++)
			mib[depth] = strtoul(part.text, NULL, 10);
		mib[0] = row;
		*length = depth;
		return is_row(mib, "stats.arenas.<i>.extents.<j>.ndirty") && mib[4] >= EXTENTS ? ENOENT : 0;
	}
	return ENOENT;
}

static int give(void *old, const size_t *old_size, const void *value, size_t size) {
	if (!old) return 0;
	if (*old_size != size) return EINVAL;
	memcpy(old, value, size);
	return 0;
}
#define GIVE(type, value) give(old, old_size, &(type){value}, sizeof(type))

static int made_settings(const size_t *mib, void *old, const size_t *old_size, const void *given, size_t given_size) {
	if (is_row(mib, "arenas.dirty_decay_ms")) {
		if (given && given_size != sizeof made.decay) return EINVAL;
		int error = GIVE(ssize_t, made.decay);
		if (given && !error) memcpy(&made.decay, given, sizeof made.decay);
		return error;
	}
	if (is_row(mib, "background_thread")) {
		int error = GIVE(bool, made.threads);
		if (!given || error) return error;
		memcpy(&made.threads, given, sizeof made.threads);
		return made.threads ? made.refuse_with : 0;
	}
	if (is_row(mib, "arena.<i>.dss")) {
		if (given) memcpy(&made.dss, given, sizeof made.dss);
		return GIVE(const char *, made.dss);
	}
	if (is_row(mib, "arena.<i>.name")) {
		char *text;
		if (given) return memcpy(&text, given, sizeof text), strncpy(made.name, text, 31), 0;
		memcpy(&text, old, sizeof text);
		return strcpy(text, made.name), 0;
	}
	return EPERM;
}

static int made_by_mib(const size_t *mib, size_t length, void *old, size_t *old_size, void *given, size_t given_size) {
	static const char form[] = "64-bit numbers", *conf = form;
	(void)length;
	made.called++;
	if (is_row(mib, "epoch")) return given ? (made.epoch++, 0) : GIVE(uint64_t, made.epoch);
	if (is_row(mib, "arenas.narenas")) return GIVE(unsigned, 3);
	if (is_row(mib, "arenas.nbins")) return GIVE(unsigned, 4);
	if (is_row(mib, "opt.narenas")) return GIVE(unsigned, 2);
	if (is_row(mib, "opt.max_background_threads")) return GIVE(size_t, 5);
	if (is_row(mib, "arena.<i>.initialized")) return GIVE(bool, mib[1] < 2 || mib[1] == MALLCTL_ARENAS_ALL);
	if (is_row(mib, "arena.<i>.purge")) return old || given ? EPERM : 0;
	if (is_row(mib, "arenas.bin.<i>.nregs")) return made.beyond += mib[2] >= 4, GIVE(uint32_t, UINT32_MAX);
	if (is_row(mib, "opt.stats_interval")) return GIVE(int64_t, INT64_MIN);
	if (is_row(mib, "config.malloc_conf")) return GIVE(const char *, conf);
	if (is_row(mib, "prof.active")) return ENOENT;
	if (is_row(mib, "thread.tcache.flush")) return EFAULT;
	if (is_row(mib, "arenas.page")) return GIVE(uint32_t, 4096); /* of another size than it should be */
	if (is_row(mib, "thread.tcache.ncached_max.read_sizeclass")) return GIVE(size_t, *(size_t *)given / 8);
	bool of_bin = is_row(mib, "stats.arenas.<i>.bins.<j>.curregs");
	if (of_bin || is_row(mib, "stats.arenas.<i>.pdirty")) {
		made.beyond += (mib[2] >= 3 && mib[2] != MALLCTL_ARENAS_ALL) || (of_bin && mib[4] >= 4);
		return mib[2] == 2 ? ENOENT : GIVE(size_t, mib[2] * 100 + (of_bin ? mib[4] : 0));
	}
	return made_settings(mib, old, old_size, given, given_size);
}

static void use_made_one(void) {
	made = (__typeof__(made)){.decay = 10000, .dss = "secondary", .name = "auto_0"};
	mallctl_use(&(struct mallctl_functions){made_to_mib, made_by_mib});
}

static enum status reach(const char *name, struct mallctl_target *target) {
	target->name = find(name);
	return mallctl_reach(target);
}

static struct mallctl_value read_name(const char *name) {
	struct mallctl_target target;
	struct mallctl_value value = {.natural = 0};
	CHECK_EQUAL(STATUS_OK, reach(name, &target));
	CHECK_EQUAL(STATUS_OK, mallctl_read(&target, &value));
	return value;
}

TEST(values_of_each_kind_are_read) {
	use_made_one();
	CHECK_EQUAL(10000, read_name("arenas.dirty_decay_ms").integer);
	CHECK_EQUAL(false, read_name("background_thread").boolean);
	CHECK_EQUAL(UINT32_MAX, read_name("arenas.bin.3.nregs").natural);
	CHECK_EQUAL(INT64_MIN, read_name("opt.stats_interval").integer);
	CHECK_STRING("64-bit numbers", read_name("config.malloc_conf").string);
	struct mallctl_value name = read_name("arena.0.name");
	CHECK_STRING("auto_0", name.buffer);
}

TEST(indices_are_put_into_the_mib_that_was_resolved_once) {
	use_made_one();
	CHECK_EQUAL(103, read_name("stats.arenas.1.bins.3.curregs").natural);
	int resolved = made.resolved;
	CHECK_EQUAL(2, read_name("stats.arenas.0.bins.2.curregs").natural);
	CHECK_EQUAL(100, read_name("stats.arenas.1.bins.0.curregs").natural);
	CHECK_EQUAL(resolved, made.resolved);
	CHECK_EQUAL(409600, read_name("stats.arenas.all.pdirty").natural);
}

static void check_refused_index(const char *name, enum mallctl_problem problem, unsigned wrong, size_t limit) {
	struct mallctl_target target;
	CHECK_EQUAL(STATUS_INVALID_VALUE, reach(name, &target));
	CHECK_EQUAL(problem, target.problem);
	CHECK_EQUAL(wrong, target.wrong);
	CHECK_EQUAL(limit, target.limit);
}

TEST(jemalloc_never_sees_an_index_that_does_not_exist) {
	use_made_one();
	check_refused_index("stats.arenas.3.pdirty", MALLCTL_PROBLEM_index_beyond, 0, 3);
	check_refused_index("stats.arenas.4098.pdirty", MALLCTL_PROBLEM_index_beyond, 0, 3);
	check_refused_index("stats.arenas.99999999999999999999.pdirty", MALLCTL_PROBLEM_index_beyond, 0, 3);
	check_refused_index("stats.arenas.0.bins.4.curregs", MALLCTL_PROBLEM_index_beyond, 1, 4);
	check_refused_index("arenas.bin.4.nregs", MALLCTL_PROBLEM_index_beyond, 0, 4);
	check_refused_index("stats.arenas.0.extents.7.ndirty", MALLCTL_PROBLEM_index_beyond, 1, EXTENTS);
	check_refused_index("stats.arenas.<i>.pdirty", MALLCTL_PROBLEM_index_missing, 0, 3);
	check_refused_index("arena.all.dirty_decay_ms", MALLCTL_PROBLEM_index_alone, 0, 3);
	check_refused_index("arena.destroyed.purge", MALLCTL_PROBLEM_index_alone, 0, 3);
	CHECK_EQUAL(0, made.beyond);
}

TEST(an_arena_that_was_never_used_is_told_from_a_name_that_is_not_there) {
	struct mallctl_target target;
	struct mallctl_value value;
	use_made_one();
	REQUIRE_EQUAL(STATUS_OK, reach("stats.arenas.2.pdirty", &target));
	CHECK_EQUAL(STATUS_INVALID_VALUE, mallctl_read(&target, &value));
	CHECK_EQUAL(MALLCTL_PROBLEM_index_idle, target.problem);
	CHECK_EQUAL(STATUS_UNSUPPORTED, reach("stats.zero_reallocs", &target));
	CHECK_EQUAL(MALLCTL_PROBLEM_absent, target.problem);
	REQUIRE_EQUAL(STATUS_OK, reach("prof.active", &target));
	CHECK_EQUAL(STATUS_UNSUPPORTED, mallctl_read(&target, &value));
	CHECK_EQUAL(MALLCTL_PROBLEM_unmet, target.problem);
}

TEST(a_value_of_another_size_is_not_taken_for_one) {
	struct mallctl_target target;
	struct mallctl_value value;
	use_made_one();
	REQUIRE_EQUAL(STATUS_OK, reach("arenas.page", &target));
	CHECK_EQUAL(STATUS_MALFORMED, mallctl_read(&target, &value));
	CHECK_EQUAL(EINVAL, target.error);
}

TEST(values_are_written) {
	struct mallctl_target target;
	use_made_one();
	REQUIRE_EQUAL(STATUS_OK, reach("arenas.dirty_decay_ms", &target));
	CHECK_EQUAL(STATUS_OK, mallctl_write(&target, &(struct mallctl_value){.integer = -1}, NULL));
	CHECK_EQUAL(-1, made.decay);
	REQUIRE_EQUAL(STATUS_OK, reach("arena.0.dss", &target));
	CHECK_EQUAL(STATUS_OK, mallctl_write(&target, &(struct mallctl_value){.string = "primary"}, NULL));
	CHECK_STRING("primary", made.dss);
	REQUIRE_EQUAL(STATUS_OK, reach("arena.0.name", &target));
	CHECK_EQUAL(STATUS_OK, mallctl_write(&target, &(struct mallctl_value){.string = "web"}, NULL));
	CHECK_STRING("web", made.name);
}

TEST(a_write_that_fails_half_way_is_undone) {
	struct mallctl_target target;
	struct mallctl_value before;
	use_made_one();
	made.refuse_with = EFAULT;
	REQUIRE_EQUAL(STATUS_OK, reach("background_thread", &target));
	REQUIRE_EQUAL(STATUS_OK, mallctl_read(&target, &before));
	CHECK_EQUAL(STATUS_UNREADABLE, mallctl_write(&target, &(struct mallctl_value){.boolean = true}, &before));
	CHECK_EQUAL(EFAULT, target.error);
	CHECK_EQUAL(false, made.threads);
	made.refuse_with = EAGAIN;
	CHECK_EQUAL(STATUS_NO_MEMORY, mallctl_write(&target, &(struct mallctl_value){.boolean = true}, &before));
	CHECK_EQUAL(false, made.threads);
}

TEST(actions_act_and_questions_are_answered) {
	struct mallctl_target target;
	struct mallctl_value answer;
	use_made_one();
	REQUIRE_EQUAL(STATUS_OK, reach("arena.all.purge", &target));
	CHECK_EQUAL(STATUS_OK, mallctl_act(&target));
	REQUIRE_EQUAL(STATUS_OK, reach("thread.tcache.flush", &target));
	CHECK_EQUAL(STATUS_UNSUPPORTED, mallctl_act(&target));
	CHECK_EQUAL(MALLCTL_PROBLEM_unmet, target.problem);
	REQUIRE_EQUAL(STATUS_OK, reach("thread.tcache.ncached_max.read_sizeclass", &target));
	CHECK_EQUAL(STATUS_OK, mallctl_ask(&target, &(struct mallctl_value){.natural = 64}, &answer));
	CHECK_EQUAL(8, answer.natural);
}

TEST(a_refresh_is_one_more_epoch) {
	use_made_one();
	CHECK_EQUAL(STATUS_OK, mallctl_refresh());
	CHECK_EQUAL(STATUS_OK, mallctl_refresh());
	CHECK_EQUAL(2, made.epoch);
}

static struct mallctl_range range_of(const char *name) {
	return mallctl_range(find(name).entry);
}

TEST(ranges_follow_the_type_and_what_runs) {
	use_made_one();
	CHECK_EQUAL(UINT32_MAX, range_of("tcache.flush").greatest);
	CHECK_EQUAL(SIZE_MAX, range_of("arena.0.retain_grow_limit").greatest);
	CHECK_EQUAL(0, range_of("arena.0.retain_grow_limit").least);
	CHECK_EQUAL(-1, range_of("arenas.dirty_decay_ms").least);
	CHECK_EQUAL(1, range_of("max_background_threads").least);
	CHECK_EQUAL(5, range_of("max_background_threads").greatest);
	CHECK_EQUAL(2, range_of("thread.arena").greatest);
	CHECK_EQUAL(31, range_of("arena.0.name").greatest);
	CHECK_EQUAL(INT64_MIN, range_of("experimental.prof_recent.alloc_max").least);
	CHECK_EQUAL(INT64_MAX, range_of("experimental.prof_recent.alloc_max").greatest);
}

TEST(only_arenas_that_live_or_come_to_life_can_be_taken) {
	use_made_one();
	CHECK(mallctl_takes(find("thread.arena").entry, 1));
	CHECK(!mallctl_takes(find("thread.arena").entry, 2));
	CHECK(mallctl_takes(find("prof.reset").entry, 2));
}

TEST(without_jemalloc_nothing_is_available) {
	mallctl_use(&(struct mallctl_functions){NULL, NULL});
	CHECK(!mallctl_available());
}
