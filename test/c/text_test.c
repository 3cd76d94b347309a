#include "private_heap.h"
#include "testing.h"
#include "text.h"

#include <string.h>

TEST(a_text_grows_and_stays_terminated) {
	struct text text = {0};
	for (int i = 0; i < 10000; i++) text_append_string(&text, "0123456789");
	CHECK_EQUAL(100000, text.length);
	CHECK_EQUAL(100000, strlen(text.bytes));
	CHECK_EQUAL(STATUS_OK, text.status);
	CHECK(private_held(PRIVATE_census) >= 100000);
	text_free(&text);
	CHECK_EQUAL(0, private_held(PRIVATE_census));
}

TEST(a_text_without_memory_says_so_and_keeps_what_it_has) {
	struct text text = {0};
	text_append_string(&text, "kept");
	CHECK(!text_reserve(&text, (size_t)1 << 62));
	CHECK_EQUAL(STATUS_NO_MEMORY, text.status);
	text_append_string(&text, "dropped");
	CHECK_STRING("kept", text.bytes);
	text_free(&text);
}
