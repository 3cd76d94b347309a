/*
 * Puts the hooks into malloc's place and takes them out again: in the tables of addresses (GOT) of every loaded object,
 * except for the dynamic linker, this extension, and the allocator that owns malloc where that is not the C library,
 * which calls malloc through a table like everyone else.
 *
 * A slot is changed only while it holds the owner's own function, or nothing that was resolved yet; on the way back
 * only while it holds our hook. An object of which a slot leads to another allocator or tool is left alone as a whole,
 * since what came from one malloc must not go to the free of another. Slots are written under the dynamic linker's
 * lock, so no object can vanish meanwhile, and only in objects that were loaded completely.
 *
 * Any thread may call these; one waits for the other, and a fork for both.
 */
#ifndef ALLOCSTATS_HEAP_PROFILE_REDIRECTION_H
#define ALLOCSTATS_HEAP_PROFILE_REDIRECTION_H

#include "ownership.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REFUSAL_BYTES = 256 };

struct redirection {
	size_t objects, slots;       /* redirected at this moment */
	size_t foreign;              /* objects left alone: a slot of theirs leads to another allocator or tool */
	size_t locked;               /* objects left alone: their table may not be made writable */
	size_t changed;              /* slots that someone else has changed since, and that were left so */
	char refusal[REFUSAL_BYTES]; /* a sentence that says why nothing was redirected, or empty */
};

/*
 * Redirects every loaded object; afterwards `out` tells what is so. UNSUPPORTED where it is refused: also where the
 * object that holds `host`, code of the host's own, would have to be left alone. NULL for no host.
 */
enum status redirection_begin(const void *host, struct redirection *out);
/* Redirects what was loaded since, if anything was; a glance at a counter where nothing was, and where it has not begun
 * or another thread is at it. */
enum status redirection_follow(struct redirection *out);
/* Puts everything back. */
void redirection_end(struct redirection *out);

/* The mapped range of the object that holds `address`, which is somewhere in its code. */
bool redirection_object_range(const void *address, uintptr_t *start, uintptr_t *end);

#endif
