/*
 * What one worker asks of all, or of one: written into the shared page, with their bells rung. Each answers in its own
 * slot (worker_report.h); a request is known by its number.
 *
 * One request at a time has the page, for as long as its lease runs: it is given back by whoever asked, and it ends by
 * the clock, or with that process, where it was not.
 */
#ifndef ALLOCSTATS_PAGE_REQUEST_H
#define ALLOCSTATS_PAGE_REQUEST_H

#include "workers/shared_page.h"

#include <stddef.h>

enum { PAGE_REQUEST_TEXT = 1024, PAGE_REPLY_TEXT = 16 * 1024 };

/* For how long the page is anybody's at most, and for how long after it was asked a request is still done. */
enum { PAGE_LEASE_MS = 60 * 1000, PAGE_REQUEST_LIFE_MS = 30 * 1000 };

struct page_request {
	process_identity from, to; /* `to` is 0 for all */
	uint64_t at;               /* when it was asked, by history_now */
	uint32_t number, kind;
	char text[PAGE_REQUEST_TEXT]; /* its options; what kinds and options there are is Ruby's */
};

/* What is too long for an answer, of the one worker that was asked. */
struct page_reply {
	uint32_t number, length;
	char text[PAGE_REPLY_TEXT];
};

/*
 * Asks, and sets the request's number and time. One at a time: STATUS_UNREADABLE while another living process has one
 * under way, STATUS_UNSUPPORTED without a page. The lease, for `ms` milliseconds and PAGE_LEASE_MS at most, is what
 * page_request_end takes; ending one that is no more ends nothing.
 */
enum status page_request_begin(struct shared_page *page, struct page_request *request, uint32_t ms, uint64_t *lease);
void page_request_end(struct shared_page *page, uint64_t lease);

/*
 * The newest request, where `self` is to do it; false where there is none, it is just being written, it is too old, it
 * is another worker's to do, or whoever has asked is neither of this user nor root.
 */
bool page_request_read(const struct shared_page *page, process_identity self, struct page_request *out);
uint32_t page_request_number(const struct shared_page *page);

/* How many answers were written, ever; and waiting for one more than `heard`, for `ms` milliseconds at most. */
uint32_t page_answers(const struct shared_page *page);
void page_answers_wait(const struct shared_page *page, uint32_t heard, uint32_t ms);

/* Says that an answer was written. */
void page_answered(const struct shared_page *page);

/* Writes a reply to a request, cut at PAGE_REPLY_TEXT; reads the one to it, false where there is none. */
void page_reply_write(struct shared_page *page, uint32_t number, const char *text, size_t length);
bool page_reply_read(const struct shared_page *page, uint32_t number, struct page_reply *out);

#endif
