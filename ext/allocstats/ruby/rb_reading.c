#include "rb_reading.h"
#include "rb_allocstats.h"

static const char *status_name(enum status status) {
	switch (status) {
	case STATUS_OK:
		return "ok";
	case STATUS_UNSUPPORTED:
		return "unsupported";
	case STATUS_UNREADABLE:
		return "unreadable";
	case STATUS_MALFORMED:
		return "malformed";
	case STATUS_NO_MEMORY:
		return "no_memory";
	default: /* what controls answer, and no reading does */
		break;
	}
	return "unknown";
}

VALUE reading_to_ruby(const struct reading *reading) {
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("status"), symbol(status_name(reading->status)));
	rb_hash_aset(hash, symbol("error"), reading->error ? INT2NUM(reading->error) : Qnil);
	rb_hash_aset(hash, symbol("line"), ULL2NUM(reading->line));
	return hash;
}
