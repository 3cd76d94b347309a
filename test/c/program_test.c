#include "exec_filter/program.h"
#include "testing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TEST(a_program_is_known_by_its_name_in_any_folder) {
	CHECK(program_is_among("ruby", "ruby", false));
	CHECK(program_is_among("puma:ruby", "/usr/bin/ruby", false));
	CHECK(program_is_among("ruby:puma", "/opt/puma", false));
	CHECK(!program_is_among("ruby", "/none/erb", false));
	CHECK(!program_is_among("ruby", "/opt/ruby/bin/erb", false));
}

TEST(a_version_behind_a_name_counts_as_the_same) {
	CHECK(program_is_among("ruby", "/usr/bin/ruby3.1", false));
	CHECK(program_is_among("ruby", "ruby-3.4.1", false));
	CHECK(!program_is_among("ruby", "rubyx", false));
	CHECK(!program_is_among("ruby", "rub", false));
	CHECK(!program_is_among("ruby3.1", "ruby", false));
}

TEST(no_names_and_empty_ones_are_nobody) {
	CHECK(!program_is_among("", "ruby", false));
	CHECK(!program_is_among("::", "ruby", false));
	CHECK(!program_is_among(":", "", false));
	CHECK(program_is_among("::ruby:", "ruby", false));
}

TEST(a_script_counts_as_its_interpreter) {
	CHECK(program_is_among("ruby", testing_file("a", "#!/usr/bin/ruby3.1 -W0\nputs 1\n"), false));
	CHECK(program_is_among("ruby", testing_file("b", "#! \t/usr/bin/ruby"), false));
	CHECK(!program_is_among("ruby", testing_file("c", "#!/usr/bin/env ruby\n"), false));
	CHECK(!program_is_among("ruby", testing_file("d", "#!"), false));
	CHECK(!program_is_among("ruby", testing_file("e", ""), false));
	CHECK(!program_is_among("ruby", testing_tree(), false));
}

TEST(a_first_line_without_an_end_is_cut) {
	char text[1000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "#!/", 3);
	CHECK(!program_is_among("ruby", testing_file("long", text), false));
}

TEST(a_name_without_a_slash_is_looked_for_in_path) {
	char path[4096] = "/nowhere::", *before = getenv("PATH");
	char *kept = before ? strdup(before) : NULL;
	const char *script = testing_file("bin/tool", "#!/usr/bin/ruby\n");
	REQUIRE(!chmod(script, 0755));
	strncat(path, script, strlen(script) - strlen("/tool"));
	setenv("PATH", path, 1);
	CHECK(program_is_among("ruby", "tool", true));
	CHECK(!program_is_among("ruby", "tool", false));
	CHECK(!program_is_among("ruby", "other", true));
	unsetenv("PATH");
	CHECK(!program_is_among("ruby", "tool", true));
	if (kept) setenv("PATH", kept, 1);
	free(kept);
}
