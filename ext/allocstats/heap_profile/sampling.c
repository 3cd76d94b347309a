#include "heap_profile/sampling.h"

#include <math.h>

double sampling_weight(uint64_t size, double interval) {
	return size > 0 ? -1.0 / expm1(-(double)size / interval) : 0.0;
}

static uint64_t next_random(uint64_t *random) {
	*random ^= *random >> 12;
	*random ^= *random << 25;
	*random ^= *random >> 27;
	return *random * UINT64_C(0x2545F4914F6CDD1D);
}

uint64_t sampling_gap(uint64_t *random, double interval) {
	double uniform = ((double)(next_random(random) >> 11) + 0.5) * 0x1p-53; /* neither 0 nor 1 */
	return (uint64_t)(-log(uniform) * interval);
}

void estimate_add(struct estimate *estimate, uint64_t size, double interval) {
	double weight = sampling_weight(size, interval), variance = weight * (weight - 1.0), bytes = (double)size;
	estimate->samples++;
	estimate->objects += weight;
	estimate->objects_variance += variance;
	estimate->bytes += weight * bytes;
	estimate->bytes_variance += variance * bytes * bytes;
}
