#include "properties.h"
#include "allocator.h"
#include "ownership.h"

#include <pthread.h>

const struct tcmalloc_property tcmalloc_properties[] = {
#define TCMALLOC_PROPERTY(name, unit, kind, least, most, definition) {name, #unit, #kind, definition, least, most},
#include "properties.def"
#undef TCMALLOC_PROPERTY
};
const size_t tcmalloc_property_count = sizeof tcmalloc_properties / sizeof *tcmalloc_properties;

static struct {
	int (*get)(const char *name, size_t *value);
	int (*set)(const char *name, size_t value);
	void (*release_free)(void);
	double (*get_rate)(void);
	void (*set_rate)(double rate);
	struct {
		void *(*instance)(void);
		double (*get)(void *instance);
		void (*set)(void *instance, double rate);
	} cplusplus;
} tcmalloc;

/*
 * Before 2.14 the rate is C++'s alone. The methods that the running object has are exported under the names that the
 * C++ ABI of Linux gives them, on which all compilers there agree, and take the object as their first argument.
 */
static void bind_rate(const struct loaded_object *owner) {
	BIND(tcmalloc.get_rate, owner, "MallocExtension_GetMemoryReleaseRate");
	BIND(tcmalloc.set_rate, owner, "MallocExtension_SetMemoryReleaseRate");
	BIND(tcmalloc.cplusplus.instance, owner, "_ZN15MallocExtension8instanceEv");
	BIND(tcmalloc.cplusplus.get, owner, "_ZN22TCMallocImplementation20GetMemoryReleaseRateEv");
	BIND(tcmalloc.cplusplus.set, owner, "_ZN22TCMallocImplementation20SetMemoryReleaseRateEd");
}

static void bind_functions(void) {
	const struct loaded_object *owner = allocator_owner();
	if (!owner || allocator_current() != &allocator_tcmalloc) return;
	BIND(tcmalloc.get, owner, "MallocExtension_GetNumericProperty");
	BIND(tcmalloc.set, owner, "MallocExtension_SetNumericProperty");
	BIND(tcmalloc.release_free, owner, "MallocExtension_ReleaseFreeMemory");
	bind_rate(owner);
}

static void bind_once(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, bind_functions);
}

enum status tcmalloc_property_read(const char *name, size_t *value) {
	bind_once();
	if (!tcmalloc.get) return STATUS_UNSUPPORTED;
	return tcmalloc.get(name, value) ? STATUS_OK : STATUS_UNKNOWN_NAME;
}

enum status tcmalloc_property_write(const char *name, size_t value, size_t *before) {
	enum status status = tcmalloc_property_read(name, before);
	if (status != STATUS_OK) return status;
	if (!tcmalloc.set || !tcmalloc.set(name, value)) return STATUS_READ_ONLY;
	size_t after;
	if (tcmalloc.get(name, &after) && after == value) return STATUS_OK;
	tcmalloc.set(name, *before);
	return STATUS_INVALID_VALUE;
}

enum status tcmalloc_release_rate_read(double *rate) {
	bind_once();
	if (tcmalloc.get_rate)
		*rate = tcmalloc.get_rate();
	else if (tcmalloc.cplusplus.instance && tcmalloc.cplusplus.get)
		*rate = tcmalloc.cplusplus.get(tcmalloc.cplusplus.instance());
	else
		return STATUS_UNSUPPORTED;
	return STATUS_OK;
}

enum status tcmalloc_release_rate_write(double rate) {
	bind_once();
	if (tcmalloc.set_rate)
		tcmalloc.set_rate(rate);
	else if (tcmalloc.cplusplus.instance && tcmalloc.cplusplus.set)
		tcmalloc.cplusplus.set(tcmalloc.cplusplus.instance(), rate);
	else
		return STATUS_UNSUPPORTED;
	return STATUS_OK;
}

enum status tcmalloc_release_free(size_t *released) {
	static const char name[] = "tcmalloc.pageheap_unmapped_bytes";
	size_t before, after;
	enum status status = tcmalloc_property_read(name, &before);
	if (status != STATUS_OK) return status;
	if (!tcmalloc.release_free) return STATUS_UNSUPPORTED;
	tcmalloc.release_free();
	*released = tcmalloc.get(name, &after) && after > before ? after - before : 0;
	return STATUS_OK;
}
