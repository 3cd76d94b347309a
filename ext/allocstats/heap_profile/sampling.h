/*
 * Poisson sampling by bytes: of all bytes that are allocated each is met with the probability 1 / interval, and a block
 * is sampled when one of its bytes was met. So a block of `size` bytes stands for 1 / (1 - exp(-size / interval)) of
 * its kind, and sums of samples so weighted are unbiased (Horvitz and Thompson), with the variance given here.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_SAMPLING_H
#define ALLOCSTATS_HEAP_PROFILE_SAMPLING_H

#include <stdint.h>

/* How many blocks one that was sampled stands for. */
double sampling_weight(uint64_t size, double interval);

/* The bytes until the next sample: exponential with the mean `interval`. `random` is the thread's own, never 0. */
uint64_t sampling_gap(uint64_t *random, double interval);

/* What a sum of weighted samples is worth. */
struct estimate {
	uint64_t samples;
	double objects, objects_variance, bytes, bytes_variance;
};
void estimate_add(struct estimate *estimate, uint64_t size, double interval);

#endif
