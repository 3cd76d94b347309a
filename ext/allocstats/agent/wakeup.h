/*
 * A word of memory that threads of this process and of others wait on: raised by one for each reason to wake up, so
 * that what happens between looking and waiting is not missed. Needs no GVL, and takes no lock.
 */
#ifndef ALLOCSTATS_WAKEUP_H
#define ALLOCSTATS_WAKEUP_H

#include <stdatomic.h>
#include <stdint.h>

/* Returns when the word is no longer `heard`, when `ms` milliseconds have gone by, or for no reason. */
void wakeup_wait(const _Atomic uint32_t *word, uint32_t heard, uint32_t ms);
void wakeup_raise(_Atomic uint32_t *word);

#endif
