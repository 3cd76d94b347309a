/*
 * AllocStats::SharedPage.request and its kin: what one worker asks of all, or of one, and their answers. Only waiting
 * for answers goes without the GVL.
 */
#include "private_heap.h"
#include "rb_shared_page.h"
#include "workers/page_request.h"

#include <ruby/thread.h>

struct asking {
	struct page_request request;
	uint64_t lease;
};

/* Asks; nil while another process has a request under way, false where there is no page, else true. */
static VALUE begin_asking(struct asking *asking, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	*asking = (struct asking){.request = {.from = process_identity_of_self(), .kind = NUM2UINT(kind)}};
	if (!NIL_P(to)) asking->request.to = NUM2ULL(to);
	uint32_t ms = milliseconds(seconds);
	Check_Type(text, T_STRING);
	if (RSTRING_LEN(text) >= PAGE_REQUEST_TEXT)
		rb_raise(error_invalid_value, "what is asked of all workers must fit %d bytes", PAGE_REQUEST_TEXT - 1);
	COPY_TEXT(asking->request.text, text);
	switch (page_request_begin(&process_page, &asking->request, ms, &asking->lease)) {
	case STATUS_OK:
		return Qtrue;
	case STATUS_UNSUPPORTED:
		return Qfalse;
	default:
		return Qnil;
	}
}

static VALUE yield_number(VALUE asking) {
	return rb_yield(UINT2NUM(((const struct asking *)asking)->request.number));
}

static VALUE end_asking(VALUE asking) {
	page_request_end(&process_page, ((const struct asking *)asking)->lease);
	return Qnil;
}

/*
 * request(kind, text, identity of the one that is asked or nil, seconds) { |number| ... } => true. Not at all, and
 * without a word to the block, nil while another process has one under way, and false where there is no page. The page
 * is given back when the block has ended, however it does, and after these seconds in any case.
 */
static VALUE page_request(VALUE self, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	(void)self;
	rb_need_block();
	struct asking asking;
	VALUE asked = begin_asking(&asking, kind, text, to, seconds);
	if (asked == Qtrue) rb_ensure(yield_number, (VALUE)&asking, end_asking, (VALUE)&asking);
	return asked;
}

/*
 * begin_request(kind, text, identity or nil, seconds) => [number, lease]; nil and false as request. Whoever does not
 * end it has it ended by the clock.
 */
static VALUE page_begin_request(VALUE self, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	(void)self;
	struct asking asking;
	VALUE asked = begin_asking(&asking, kind, text, to, seconds);
	if (asked != Qtrue) return asked;
	return rb_ary_new_from_args(2, UINT2NUM(asking.request.number), ULL2NUM(asking.lease));
}

/* end_request(lease): of one that was ended already, or is another's by now, nothing */
static VALUE page_end_request(VALUE self, VALUE lease) {
	page_request_end(&process_page, NUM2ULL(lease));
	return self;
}

static VALUE page_newest_request(VALUE self) {
	(void)self;
	return UINT2NUM(page_request_number(&process_page));
}

/* pending => [number, kind, text, whether this process has asked]; nil where nothing is asked of this process */
static VALUE page_pending(VALUE self) {
	(void)self;
	struct page_request request;
	process_identity me = process_identity_of_self();
	if (!page_request_read(&process_page, me, &request)) return Qnil;
	return rb_ary_new_from_args(4, UINT2NUM(request.number), UINT2NUM(request.kind),
		rb_utf8_str_new_cstr(request.text), boolean(request.from == me));
}

/* take_up(number): says that this process has begun to do what was asked */
static VALUE page_take_up(VALUE self, VALUE request) {
	uint32_t number = NUM2UINT(request);
	demand_seat();
	seat_begin(&process_seat)->answer.begun = number;
	seat_end(&process_seat);
	return self;
}

/* answer(number, outcome, reason, released, seconds): this process's answer, for the one that asked */
static VALUE page_answer(VALUE self, VALUE number, VALUE outcome, VALUE reason, VALUE released, VALUE seconds) {
	struct worker_answer answer = {.request = NUM2UINT(number), .seconds = NUM2DBL(seconds)};
	answer.begun = answer.request;
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

/* reply(number, text): what is too long for an answer, to be written before it */
static VALUE page_reply(VALUE self, VALUE request, VALUE text) {
	uint32_t number = NUM2UINT(request);
	Check_Type(text, T_STRING);
	if (RSTRING_LEN(text) > PAGE_REPLY_TEXT)
		rb_raise(error_invalid_value, "a worker's reply must fit %d bytes", PAGE_REPLY_TEXT);
	page_reply_write(&process_page, number, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
	return self;
}

struct reading_reply {
	uint32_t number;
	struct page_reply *reply;
};

static VALUE reply_to_ruby(VALUE data) {
	const struct reading_reply *reading = (const struct reading_reply *)data;
	if (!page_reply_read(&process_page, reading->number, reading->reply)) return Qnil;
	return rb_utf8_str_new(reading->reply->text, reading->reply->length);
}

static VALUE free_reply(VALUE data) {
	private_free(PRIVATE_readings, ((const struct reading_reply *)data)->reply);
	return Qnil;
}

/* reply_to(number) => the text; nil where there is none */
static VALUE page_reply_to(VALUE self, VALUE number) {
	(void)self;
	struct reading_reply reading = {.number = NUM2UINT(number)};
	reading.reply = private_alloc(PRIVATE_readings, sizeof *reading.reply);
	if (!reading.reply) rb_raise(error_base, "no memory for reading a worker's reply");
	return rb_ensure(reply_to_ruby, (VALUE)&reading, free_reply, (VALUE)&reading);
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
	rb_define_singleton_method(shared_page, "request", page_request, 4);
	rb_define_singleton_method(shared_page, "begin_request", page_begin_request, 4);
	rb_define_singleton_method(shared_page, "end_request", page_end_request, 1);
	rb_define_singleton_method(shared_page, "newest_request", page_newest_request, 0);
	rb_define_singleton_method(shared_page, "pending", page_pending, 0);
	rb_define_singleton_method(shared_page, "take_up", page_take_up, 1);
	rb_define_singleton_method(shared_page, "answer", page_answer, 5);
	rb_define_singleton_method(shared_page, "reply", page_reply, 2);
	rb_define_singleton_method(shared_page, "reply_to", page_reply_to, 1);
	rb_define_singleton_method(shared_page, "answer_count", page_answer_count, 0);
	rb_define_singleton_method(shared_page, "wait_answers", page_wait_answers, 2);
}
