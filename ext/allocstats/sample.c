#include "sample.h"
#include "kernel/statm.h"

#include <sys/resource.h>

const struct figure_description figure_descriptions[FIGURE_COUNT] = {
#define FIGURE(name, unit, kind, definition) {#name, #unit, #kind, definition},
#include "figures.def"
#undef FIGURE
};

void sample_process(struct sample *sample) {
	struct statm statm;
	if (statm_read(&statm)) {
		sample_set(sample, FIGURE_rss, statm.resident);
		sample_set(sample, FIGURE_files, statm.shared);
		sample_set(sample, FIGURE_virtual_size, statm.size);
	}
	struct rusage usage;
	if (getrusage(RUSAGE_SELF, &usage) == 0) {
		sample_set(sample, FIGURE_minor_faults, (uint64_t)usage.ru_minflt);
		sample_set(sample, FIGURE_major_faults, (uint64_t)usage.ru_majflt);
	}
}

bool sample_live(const struct sample *sample, uint64_t *bytes) {
	if (!sample_has(sample, FIGURE_allocated)) return false;
	*bytes = sample->value[FIGURE_allocated];
	return true;
}

bool sample_kept(const struct sample *sample, uint64_t *bytes) {
	enum figure held = sample_has(sample, FIGURE_resident) ? FIGURE_resident : FIGURE_committed;
	if (!sample_has(sample, held) || !sample_has(sample, FIGURE_allocated)) return false;
	uint64_t whole = sample->value[held], live = sample->value[FIGURE_allocated];
	*bytes = whole > live ? whole - live : 0;
	return true;
}
