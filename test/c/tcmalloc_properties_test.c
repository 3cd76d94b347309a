#include "allocator.h"
#include "allocators/tcmalloc/properties.h"
#include "testing.h"

#include <string.h>

TEST(without_tcmalloc_there_are_no_properties) {
	size_t bytes;
	double rate;
	if (allocator_current() == &allocator_tcmalloc) SKIP("tcmalloc runs this process");
	CHECK_EQUAL(STATUS_UNSUPPORTED, tcmalloc_property_read("generic.heap_size", &bytes));
	CHECK_EQUAL(STATUS_UNSUPPORTED, tcmalloc_property_write("tcmalloc.aggressive_memory_decommit", 1, &bytes));
	CHECK_EQUAL(STATUS_UNSUPPORTED, tcmalloc_release_rate_read(&rate));
	CHECK_EQUAL(STATUS_UNSUPPORTED, tcmalloc_release_rate_write(1));
	CHECK_EQUAL(STATUS_UNSUPPORTED, tcmalloc_release_free(&bytes));
}

TEST(a_property_that_can_be_set_has_bounds) {
	for (size_t i = 0; i < tcmalloc_property_count; i++) {
		bool read_only = strcmp(tcmalloc_properties[i].kind, "read_only") == 0;
		CHECK(read_only || tcmalloc_properties[i].least < tcmalloc_properties[i].most);
	}
}
