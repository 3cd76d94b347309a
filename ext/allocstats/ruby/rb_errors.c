#include "rb_allocstats.h"

VALUE error_base, error_unsupported, error_unknown_name, error_invalid_value, error_read_only, error_refused,
	error_not_started;

void raise_unless_ok(enum status status, const char *what) {
	switch (status) {
	case STATUS_OK:
		return;
	case STATUS_UNSUPPORTED:
		rb_raise(error_unsupported, "%s is not to be had on this allocator", what);
	case STATUS_UNREADABLE:
		rb_raise(error_base, "%s could not be read", what);
	case STATUS_MALFORMED:
		rb_raise(error_base, "%s is in a form that allocstats does not know", what);
	case STATUS_NO_MEMORY:
		rb_raise(error_base, "no memory for reading %s", what);
	case STATUS_UNKNOWN_NAME:
		rb_raise(error_unknown_name, "%s does not exist", what);
	case STATUS_READ_ONLY:
		rb_raise(error_read_only, "%s can be read and not written", what);
	case STATUS_INVALID_VALUE:
		rb_raise(error_invalid_value, "%s does not take this value", what);
	}
	rb_raise(error_base, "%s failed with the unknown status %d", what, (int)status);
}

static VALUE find_error(VALUE module, const char *name) {
	VALUE error = rb_const_get(module, rb_intern(name));
	rb_gc_register_mark_object(error);
	return error;
}

void init_errors(VALUE module) {
	error_base = find_error(module, "Error");
	error_unsupported = find_error(module, "Unsupported");
	error_unknown_name = find_error(module, "UnknownName");
	error_invalid_value = find_error(module, "InvalidValue");
	error_read_only = find_error(module, "ReadOnly");
	error_refused = find_error(module, "Refused");
	error_not_started = find_error(module, "NotStarted");
}
