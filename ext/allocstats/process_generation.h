/*
 * Counts forks: the number is one in the first process that loads the extension and one more in each forked child, so
 * that whatever was read or opened before a fork can be told from what is this process's own. Reading it is a load.
 */
#ifndef ALLOCSTATS_PROCESS_GENERATION_H
#define ALLOCSTATS_PROCESS_GENERATION_H

/* Called once when the extension is loaded. */
void process_generation_init(void);

unsigned process_generation(void);

#endif
