/*
 * What one worker asks of all: written into the shared page, with every bell rung. Each answers in its own slot
 * (worker_report.h); a request is known by its number.
 */
#ifndef ALLOCSTATS_PAGE_REQUEST_H
#define ALLOCSTATS_PAGE_REQUEST_H

#include "workers/shared_page.h"

enum { PAGE_REQUEST_TEXT = 1024 };

struct page_request {
	process_identity from;
	uint32_t number, kind;
	char text[PAGE_REQUEST_TEXT]; /* its options; what kinds and options there are is Ruby's */
};

/*
 * Asks, and sets the request's number. One at a time: STATUS_UNREADABLE while another living process has one under way,
 * STATUS_UNSUPPORTED without a page.
 */
enum status page_request_begin(struct shared_page *page, struct page_request *request);
void page_request_end(struct shared_page *page, process_identity from);

/* The newest request; false where there is none, or it is just being written. */
bool page_request_read(const struct shared_page *page, struct page_request *out);
uint32_t page_request_number(const struct shared_page *page);

/* How many answers were written, ever; and waiting for one more than `heard`, for `ms` milliseconds at most. */
uint32_t page_answers(const struct shared_page *page);
void page_answers_wait(const struct shared_page *page, uint32_t heard, uint32_t ms);

/* Says that an answer was written. */
void page_answered(const struct shared_page *page);

#endif
