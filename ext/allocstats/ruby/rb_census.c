/* AllocStats::Census.account: the allocator's own full report, fetched without the GVL. */
#include "allocator.h"
#include "rb_allocstats.h"
#include "text.h"

#include <ruby/thread.h>

struct account {
	const struct allocator *allocator;
	struct text text;
	enum status status;
	double seconds;
};

/* Without the GVL: may wait for the allocator's locks, and may walk its heap while other Ruby threads run. */
static void *take_account(void *data) {
	struct account *account = data;
	double begin = seconds_now();
	account->status = account->allocator->account(&account->text);
	account->seconds = seconds_now() - begin;
	return NULL;
}

static VALUE account_to_ruby(VALUE data) {
	struct account *account = (struct account *)data;
	raise_unless_ok(account->status, "the allocator's account of itself");
	VALUE text = rb_utf8_str_new(account->text.length ? account->text.bytes : "", (long)account->text.length);
	return rb_ary_new_from_args(3, symbol(account->allocator->account_format()), text, DBL2NUM(account->seconds));
}

static VALUE free_account(VALUE data) {
	text_free(&((struct account *)data)->text);
	return Qnil;
}

static VALUE run_account(VALUE data) {
	rb_thread_call_without_gvl(take_account, (struct account *)data, NULL, NULL);
	return account_to_ruby(data);
}

/* => [format Symbol, text String, seconds Float] */
static VALUE census_account(VALUE self) {
	(void)self;
	struct account account = {.allocator = allocator_current()};
	if (!account.allocator->account)
		rb_raise(error_unsupported,
			"a census is not to be had from %s: it has no statistics; glibc, jemalloc, mimalloc and "
			"tcmalloc have them",
			account.allocator->name);
	return rb_ensure(run_account, (VALUE)&account, free_account, (VALUE)&account);
}

void init_census(VALUE module) {
	VALUE class = rb_define_class_under(module, "Census", rb_cObject);
	rb_define_singleton_method(class, "account", census_account, 0);
}
