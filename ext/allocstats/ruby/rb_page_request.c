/*
 * AllocStats::SharedPage.request and its kin: what one worker asks of all, and their answers. Only waiting for answers
 * goes without the GVL.
 */
#include "rb_shared_page.h"
#include "workers/page_request.h"

#include <ruby/thread.h>

/* request(kind, text) => its number; nil while another process has one under way, false where there is no page */
static VALUE page_request(VALUE self, VALUE kind, VALUE text) {
	(void)self;
	struct page_request request = {.from = process_identity_of_self(), .kind = NUM2UINT(kind)};
	Check_Type(text, T_STRING);
	if (RSTRING_LEN(text) >= PAGE_REQUEST_TEXT)
		rb_raise(error_invalid_value, "what is asked of all workers must fit %d bytes", PAGE_REQUEST_TEXT - 1);
	COPY_TEXT(request.text, text);
	switch (page_request_begin(&process_page, &request)) {
	case STATUS_OK:
		return UINT2NUM(request.number);
	case STATUS_UNSUPPORTED:
		return Qfalse;
	default:
		return Qnil;
	}
}

static VALUE page_end_request(VALUE self) {
	page_request_end(&process_page, process_identity_of_self());
	return self;
}

static VALUE page_newest_request(VALUE self) {
	(void)self;
	return UINT2NUM(page_request_number(&process_page));
}

/* pending => [number, kind, text, whether this process has asked]; nil where nothing was asked ever */
static VALUE page_pending(VALUE self) {
	(void)self;
	struct page_request request;
	if (!page_request_read(&process_page, &request)) return Qnil;
	return rb_ary_new_from_args(4, UINT2NUM(request.number), UINT2NUM(request.kind),
		rb_utf8_str_new_cstr(request.text), boolean(request.from == process_identity_of_self()));
}

/* answer(number, outcome, reason, released, seconds): this process's answer, for the one that asked */
static VALUE page_answer(VALUE self, VALUE number, VALUE outcome, VALUE reason, VALUE released, VALUE seconds) {
	struct worker_answer answer = {.request = NUM2UINT(number), .seconds = NUM2DBL(seconds)};
	answer.released = NIL_P(released) ? HISTORY_ABSENT : NUM2ULL(released);
	Check_Type(outcome, T_STRING);
	if (!NIL_P(reason)) Check_Type(reason, T_STRING);
	COPY_TEXT(answer.outcome, outcome);
	COPY_TEXT(answer.reason, reason);
	demand_seat();
	seat_begin(&process_seat)->answer = answer;
	seat_end(&process_seat);
	page_answered(&process_page);
	return self;
}

struct answers_wait {
	uint32_t heard, ms;
};

static void *wait_answers_nogvl(void *data) {
	const struct answers_wait *wait = data;
	page_answers_wait(&process_page, wait->heard, wait->ms);
	return NULL;
}

static void stop_waiting_for_answers(void *unused) {
	(void)unused;
	page_answered(&process_page);
}

static VALUE page_answer_count(VALUE self) {
	(void)self;
	return UINT2NUM(page_answers(&process_page));
}

/* wait_answers(count, seconds) => self; until there are more answers than answer_count said, or the time is over */
static VALUE page_wait_answers(VALUE self, VALUE count, VALUE seconds) {
	struct answers_wait wait = {.heard = NUM2UINT(count), .ms = milliseconds(seconds)};
	rb_thread_call_without_gvl(wait_answers_nogvl, &wait, stop_waiting_for_answers, NULL);
	return self;
}

void init_page_request(VALUE module) {
	VALUE shared_page = rb_define_module_under(module, "SharedPage");
	rb_define_singleton_method(shared_page, "request", page_request, 2);
	rb_define_singleton_method(shared_page, "end_request", page_end_request, 0);
	rb_define_singleton_method(shared_page, "newest_request", page_newest_request, 0);
	rb_define_singleton_method(shared_page, "pending", page_pending, 0);
	rb_define_singleton_method(shared_page, "answer", page_answer, 5);
	rb_define_singleton_method(shared_page, "answer_count", page_answer_count, 0);
	rb_define_singleton_method(shared_page, "wait_answers", page_wait_answers, 2);
}
