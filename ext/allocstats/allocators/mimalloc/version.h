/* mi_version() counts in three ways: 209 is 2.0.9, 3206 is 3.2.6 and 30600 is 3.6.0. Here all become the last form. */
#ifndef ALLOCSTATS_MIMALLOC_VERSION_H
#define ALLOCSTATS_MIMALLOC_VERSION_H

static inline int mimalloc_plain_version(int number) {
	if (number >= 10000) return number;
	if (number >= 1000) return number / 1000 * 10000 + number / 100 % 10 * 100 + number % 100;
	return number / 100 * 10000 + number / 10 % 10 * 100 + number % 10;
}

#endif
