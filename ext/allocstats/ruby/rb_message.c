/*
 * AllocStats::SharedMemory.send_message and its kin: what one worker asks of all, or of one, and their answers. Only
 * waiting for answers goes without the GVL.
 */
#include "agent/message.h"
#include "private_heap.h"
#include "rb_shared_memory.h"

#include <ruby/thread.h>

struct asking {
	struct message message;
	uint64_t lease;
};

/* Asks; nil while another process has one under way, false where there is no shared memory, else true. */
static VALUE begin_asking(struct asking *asking, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	*asking = (struct asking){.message = {.from = process_identity_of_self(), .kind = NUM2UINT(kind)}};
	if (!NIL_P(to)) asking->message.to = NUM2ULL(to);
	uint32_t ms = milliseconds(seconds);
	Check_Type(text, T_STRING);
	if (RSTRING_LEN(text) >= MESSAGE_TEXT)
		rb_raise(error_invalid_value, "what is asked of all workers must fit %d bytes", MESSAGE_TEXT - 1);
	COPY_TEXT(asking->message.text, text);
	switch (message_begin(&our_memory, &asking->message, ms, &asking->lease)) {
	case STATUS_OK:
		return Qtrue;
	case STATUS_UNSUPPORTED:
		return Qfalse;
	default:
		return Qnil;
	}
}

static VALUE yield_number(VALUE asking) {
	return rb_yield(UINT2NUM(((const struct asking *)asking)->message.number));
}

static VALUE end_asking(VALUE asking) {
	message_end(&our_memory, ((const struct asking *)asking)->lease);
	return Qnil;
}

/*
 * send_message(kind, text, identity of the one that is asked or nil, seconds) { |number| ... } => true. Not at all, and
 * without a word to the block, nil while another process has one under way, and false where there is no shared memory.
 * The shared memory is given back when the block has ended, however it does, and after these seconds in any case.
 */
static VALUE memory_send_message(VALUE self, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	(void)self;
	rb_need_block();
	struct asking asking;
	VALUE asked = begin_asking(&asking, kind, text, to, seconds);
	if (asked == Qtrue) rb_ensure(yield_number, (VALUE)&asking, end_asking, (VALUE)&asking);
	return asked;
}

/*
 * begin_message(kind, text, identity or nil, seconds) => [number, lease]; nil and false as send_message. Whoever does
 * not end it has it ended by the clock.
 */
static VALUE memory_begin_message(VALUE self, VALUE kind, VALUE text, VALUE to, VALUE seconds) {
	(void)self;
	struct asking asking;
	VALUE asked = begin_asking(&asking, kind, text, to, seconds);
	if (asked != Qtrue) return asked;
	return rb_ary_new_from_args(2, UINT2NUM(asking.message.number), ULL2NUM(asking.lease));
}

/* end_message(lease): of one that was ended already, or is another's by now, nothing */
static VALUE memory_end_message(VALUE self, VALUE lease) {
	message_end(&our_memory, NUM2ULL(lease));
	return self;
}

static VALUE memory_newest_message(VALUE self) {
	(void)self;
	return UINT2NUM(message_number(&our_memory));
}

/* pending => [number, kind, text, whether this process has asked]; nil where nothing is asked of this process */
static VALUE memory_pending(VALUE self) {
	(void)self;
	struct message message;
	process_identity me = process_identity_of_self();
	if (!message_read(&our_memory, me, &message)) return Qnil;
	return rb_ary_new_from_args(4, UINT2NUM(message.number), UINT2NUM(message.kind),
		rb_utf8_str_new_cstr(message.text), boolean(message.from == me));
}

/* take_up(number): says that this process has begun to do what was asked */
static VALUE memory_take_up(VALUE self, VALUE message) {
	uint32_t number = NUM2UINT(message);
	demand_slot();
	slot_begin(&our_slot)->answer.begun = number;
	slot_end(&our_slot);
	return self;
}

/* answer(number, outcome, reason, released, seconds): this process's answer, for the one that asked */
static VALUE memory_answer(VALUE self, VALUE number, VALUE outcome, VALUE reason, VALUE released, VALUE seconds) {
	struct worker_answer answer = {.request = NUM2UINT(number), .seconds = NUM2DBL(seconds)};
	answer.begun = answer.request;
	answer.released = NIL_P(released) ? HISTORY_ABSENT : NUM2ULL(released);
	Check_Type(outcome, T_STRING);
	if (!NIL_P(reason)) Check_Type(reason, T_STRING);
	COPY_TEXT(answer.outcome, outcome);
	COPY_TEXT(answer.reason, reason);
	demand_slot();
	slot_begin(&our_slot)->answer = answer;
	slot_end(&our_slot);
	message_answered(&our_memory);
	return self;
}

/* reply(number, text): what is too long for an answer, to be written before it */
static VALUE memory_reply(VALUE self, VALUE message, VALUE text) {
	uint32_t number = NUM2UINT(message);
	Check_Type(text, T_STRING);
	if (RSTRING_LEN(text) > MESSAGE_REPLY_TEXT)
		rb_raise(error_invalid_value, "a worker's reply must fit %d bytes", MESSAGE_REPLY_TEXT);
	message_reply_write(&our_memory, number, RSTRING_PTR(text), (size_t)RSTRING_LEN(text));
	return self;
}

struct reading_reply {
	uint32_t number;
	struct message_reply *reply;
};

static VALUE reply_to_ruby(VALUE data) {
	const struct reading_reply *reading = (const struct reading_reply *)data;
	if (!message_reply_read(&our_memory, reading->number, reading->reply)) return Qnil;
	return rb_utf8_str_new(reading->reply->text, reading->reply->length);
}

static VALUE free_reply(VALUE data) {
	private_free(PRIVATE_readings, ((const struct reading_reply *)data)->reply);
	return Qnil;
}

/* reply_to(number) => the text; nil where there is none */
static VALUE memory_reply_to(VALUE self, VALUE number) {
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
	message_answers_wait(&our_memory, wait->heard, wait->ms);
	return NULL;
}

static void stop_waiting_for_answers(void *unused) {
	(void)unused;
	message_answered(&our_memory);
}

static VALUE memory_answer_count(VALUE self) {
	(void)self;
	return UINT2NUM(message_answers(&our_memory));
}

/* wait_answers(count, seconds) => self; until there are more answers than answer_count said, or the time is over */
static VALUE memory_wait_answers(VALUE self, VALUE count, VALUE seconds) {
	struct answers_wait wait = {.heard = NUM2UINT(count), .ms = milliseconds(seconds)};
	rb_thread_call_without_gvl(wait_answers_nogvl, &wait, stop_waiting_for_answers, NULL);
	return self;
}

void init_message(VALUE module) {
	VALUE shared_memory = rb_define_module_under(module, "SharedMemory");
	rb_define_singleton_method(shared_memory, "send_message", memory_send_message, 4);
	rb_define_singleton_method(shared_memory, "begin_message", memory_begin_message, 4);
	rb_define_singleton_method(shared_memory, "end_message", memory_end_message, 1);
	rb_define_singleton_method(shared_memory, "newest_message", memory_newest_message, 0);
	rb_define_singleton_method(shared_memory, "pending", memory_pending, 0);
	rb_define_singleton_method(shared_memory, "take_up", memory_take_up, 1);
	rb_define_singleton_method(shared_memory, "answer", memory_answer, 5);
	rb_define_singleton_method(shared_memory, "reply", memory_reply, 2);
	rb_define_singleton_method(shared_memory, "reply_to", memory_reply_to, 1);
	rb_define_singleton_method(shared_memory, "answer_count", memory_answer_count, 0);
	rb_define_singleton_method(shared_memory, "wait_answers", memory_wait_answers, 2);
}
