/*
 * AllocStats::Allocators::Jemalloc::Mallctl: jemalloc's mallctl with Ruby's values. Everything is checked before
 * jemalloc is called: the name, whether it can be used so, the value, the indices. What is wrong is said in Ruby, by
 * the method of lib/allocstats/allocators/jemalloc/mallctl.rb that each `complain` names.
 *
 * Reading keeps the GVL. Writing and acting release it, because they may purge, wait for threads or write files; both
 * stay on the thread that called, which is the one that the names under "thread." speak of.
 */
#include "allocator.h"
#include "mallctl.h"
#include "ruby/rb_allocstats.h"

#include <ruby/thread.h>
#include <string.h>

static VALUE mallctl_module, nothing; /* Mallctl::NOTHING: no value was given */

struct request {
	VALUE name;
	struct mallctl_target target;
	enum mallctl_use use;
	enum status status;
	struct mallctl_value given, answer;
	const struct mallctl_value *before;
	char string[4096];      /* the given String's bytes, which nobody changes while the GVL is released */
	struct mallctl outside; /* stands for a name that is not in the table */
};

static const struct mallctl *entry_of(const struct request *request) {
	return request->target.name.entry;
}

__attribute__((noreturn)) static void complain_with(const char *method, int count, const VALUE *arguments) {
	rb_funcallv(mallctl_module, rb_intern(method), count, arguments);
	rb_raise(error_base, "mallctl failed, and %s had nothing to say", method);
}
#define COMPLAIN(method, ...)                                                                                          \
	complain_with(method, (int)(sizeof((VALUE[]){__VA_ARGS__}) / sizeof(VALUE)), (VALUE[]){__VA_ARGS__})

static VALUE string_or_nil(const char *string) {
	return string && *string ? rb_utf8_str_new_cstr(string) : Qnil;
}

static VALUE running_version(void) {
	char version[64];
	bool known = allocator_current()->version && allocator_current()->version(version, sizeof version);
	return known ? rb_utf8_str_new_cstr(version) : Qnil;
}

/* Which name is meant */

static VALUE demand_name(VALUE name) {
	if (SYMBOL_P(name)) name = rb_sym2str(name);
	if (!RB_TYPE_P(name, T_STRING)) COMPLAIN("no_string", rb_obj_class(name));
	return name;
}

static void demand_jemalloc(VALUE name) {
	if (!mallctl_available()) COMPLAIN("not_jemalloc", name, symbol(allocator_current()->name));
}

static const struct mallctl_type_form *find_type(VALUE type) {
	if (SYMBOL_P(type)) type = rb_sym2str(type);
	if (!RB_TYPE_P(type, T_STRING)) return NULL;
	for (size_t i = 0; i < MALLCTL_TYPE_COUNT; i++) {
		size_t length = strlen(mallctl_types[i].name);
		if ((size_t)RSTRING_LEN(type) == length && !memcmp(RSTRING_PTR(type), mallctl_types[i].name, length))
			return &mallctl_types[i];
	}
	return NULL;
}

/* Values that go in and out alike, and whose size says all: what can be asked for where nothing is known of a name. */
static bool is_plain(const struct mallctl_type_form *type) {
	return type->read.kind == type->given.kind && type->read.kind != MALLCTL_STRUCTURE;
}

static VALUE plain_types(void) {
	VALUE names = rb_ary_new();
	for (size_t i = 0; i < MALLCTL_TYPE_COUNT; i++)
		if (is_plain(&mallctl_types[i])) rb_ary_push(names, rb_utf8_str_new_cstr(mallctl_types[i].name));
	return names;
}

static void take_from_outside(struct request *request, VALUE type, bool unsafe) {
	const struct mallctl *nearest = mallctl_nearest(RSTRING_PTR(request->name), (size_t)RSTRING_LEN(request->name));
	if (NIL_P(type))
		COMPLAIN("unknown", request->name, nearest ? rb_utf8_str_new_cstr(nearest->name) : Qnil,
			boolean(unsafe));
	const struct mallctl_type_form *form = find_type(type);
	if (!form || !is_plain(form)) COMPLAIN("unknown_type", request->name, type, plain_types());
	if (!unsafe) COMPLAIN("outside", request->name);
	if (memchr(RSTRING_PTR(request->name), '\0', (size_t)RSTRING_LEN(request->name)))
		COMPLAIN("unknown", request->name, Qnil, Qfalse);
	request->outside = (struct mallctl){
		.name = StringValueCStr(request->name),
		.type = (enum mallctl_type)(form - mallctl_types),
		.access = form->read.kind == MALLCTL_NOTHING ? MALLCTL_ACCESS_ACT : MALLCTL_ACCESS_OUTSIDE,
	};
	request->target.name = (struct mallctl_name){.entry = &request->outside};
}

static void demand_same_type(const struct request *request, VALUE type) {
	const struct mallctl_type_form *own = &mallctl_types[entry_of(request)->type];
	if (!NIL_P(type) && find_type(type) != own)
		COMPLAIN("other_type", request->name, type, rb_utf8_str_new_cstr(own->name));
}

static void find(struct request *request, VALUE name, VALUE type, bool unsafe) {
	request->name = demand_name(name);
	demand_jemalloc(request->name);
	size_t length = (size_t)RSTRING_LEN(request->name);
	if (mallctl_find(RSTRING_PTR(request->name), length, &request->target.name) == STATUS_OK)
		demand_same_type(request, type);
	else
		take_from_outside(request, type, unsafe);
}

/* Whether it can be used so */

static void refuse_danger(const struct request *request, bool unsafe) {
	const struct mallctl *entry = entry_of(request);
	bool harmless = entry->danger == MALLCTL_DANGER_NONE || request->use == MALLCTL_USE_MAKE ||
			(entry->danger == MALLCTL_DANGER_HANGS && request->use == MALLCTL_USE_READ);
	if (!harmless && !unsafe)
		COMPLAIN("refused", request->name, rb_utf8_str_new_cstr(mallctl_dangers[entry->danger].sentence));
	if (mallctl_types[entry->type].read.kind == MALLCTL_STRUCTURE) COMPLAIN("structure", request->name);
}

/* [kind, least and greatest, remark]: what Mallctl.fitting makes a sentence of */
static VALUE fitting(const struct request *request) {
	const struct mallctl *entry = entry_of(request);
	enum mallctl_kind kind = mallctl_types[entry->type].given.kind;
	struct mallctl_range range = mallctl_range(entry);
	VALUE word = symbol(kind == MALLCTL_BOOLEAN ? "boolean" : kind == MALLCTL_STRING ? "string" : "integer");
	return rb_ary_new_from_args(3, word, rb_range_new(LL2NUM(range.least), ULL2NUM(range.greatest), 0),
		rb_utf8_str_new_cstr(mallctl_fit_remarks[entry->fits]));
}

static void demand_use(const struct request *request, bool given) {
	const struct mallctl_access_uses *uses = &mallctl_accesses[entry_of(request)->access];
	if (request->use != MALLCTL_USE_NOTHING) return;
	if (!given) COMPLAIN("needs_value", request->name, fitting(request));
	if (uses->bare == MALLCTL_USE_READ) COMPLAIN("read_only", request->name);
	COMPLAIN("takes_no_value", request->name);
}

/* Whether the value fits */

static bool take_integer(struct request *request, enum mallctl_kind kind, VALUE value) {
	struct mallctl_range range = mallctl_range(entry_of(request));
	uint64_t amount;
	if (!RB_INTEGER_TYPE_P(value)) return false;
	int sign = rb_integer_pack(value, &amount, 1, sizeof amount, 0, INTEGER_PACK_NATIVE_BYTE_ORDER);
	if (sign < -1 || sign > 1) return false;
	if (sign < 0) {
		if (range.least >= 0 || amount > -(uint64_t)range.least) return false;
		request->given.integer = (int64_t)-amount;
		return true;
	}
	if (amount > range.greatest || (range.least > 0 && amount < (uint64_t)range.least)) return false;
	if (kind == MALLCTL_ADDRESS)
		request->given.address = (uintptr_t)amount;
	else
		request->given.natural = amount;
	return mallctl_takes(entry_of(request), amount);
}

static bool take_string(struct request *request, VALUE value) {
	if (!RB_TYPE_P(value, T_STRING)) return false;
	size_t length = (size_t)RSTRING_LEN(value);
	if (length > mallctl_range(entry_of(request)).greatest || memchr(RSTRING_PTR(value), '\0', length))
		return false;
	memcpy(request->string, RSTRING_PTR(value), length);
	request->string[length] = '\0';
	request->given.string = request->string;
	return true;
}

static bool take_boolean(struct request *request, VALUE value) {
	request->given.boolean = value == Qtrue;
	return value == Qtrue || value == Qfalse;
}

static void take_value(struct request *request, VALUE value) {
	enum mallctl_kind kind = mallctl_types[entry_of(request)->type].given.kind;
	bool fits = kind == MALLCTL_BOOLEAN  ? take_boolean(request, value)
		    : kind == MALLCTL_STRING ? take_string(request, value)
					     : take_integer(request, kind, value);
	if (!fits) COMPLAIN("invalid_value", request->name, value, fitting(request));
}

/* The call */

static VALUE placeholder_of(const struct request *request) {
	return rb_utf8_str_new_cstr(request->target.wrong == 0 ? "<i>" : "<j>");
}

static void explain_index(const struct request *request) {
	const struct mallctl_target *target = &request->target;
	VALUE index = SIZET2NUM(target->name.index[target->wrong]), limit = SIZET2NUM(target->limit);
	switch (target->problem) {
	case MALLCTL_PROBLEM_index_missing:
		COMPLAIN("index_missing", request->name, placeholder_of(request), limit);
	case MALLCTL_PROBLEM_index_beyond:
		COMPLAIN("index_beyond", request->name, index, limit);
	case MALLCTL_PROBLEM_index_alone:
		COMPLAIN("index_alone", request->name, limit);
	case MALLCTL_PROBLEM_index_idle:
		COMPLAIN("index_idle", request->name, index);
	default:
		return;
	}
}

static void demand_ok(const struct request *request, VALUE value) {
	const struct mallctl *entry = entry_of(request);
	if (request->status == STATUS_OK) return;
	explain_index(request);
	if (request->target.problem == MALLCTL_PROBLEM_absent)
		COMPLAIN("absent", request->name, running_version(),
			string_or_nil(mallctl_origins[entry->origin].sentence));
	if (request->target.problem == MALLCTL_PROBLEM_unmet)
		COMPLAIN(
			"unmet", request->name, running_version(), string_or_nil(mallctl_needs[entry->needs].sentence));
	if (request->status == STATUS_INVALID_VALUE)
		COMPLAIN("declined_value", request->name, value, INT2FIX(request->target.error), fitting(request));
	COMPLAIN("declined", request->name, INT2FIX(request->target.error));
}

static VALUE to_ruby(const struct request *request, const struct mallctl_value *value) {
	switch (mallctl_types[entry_of(request)->type].read.kind) {
	case MALLCTL_BOOLEAN:
		return boolean(value->boolean);
	case MALLCTL_NATURAL:
		return ULL2NUM(value->natural);
	case MALLCTL_INTEGER:
		return LL2NUM(value->integer);
	case MALLCTL_STRING:
	case MALLCTL_BUFFER:
		return value->string ? rb_utf8_str_new_cstr(value->string) : Qnil;
	case MALLCTL_ADDRESS:
		return ULL2NUM(value->address);
	case MALLCTL_PAIR: {
		VALUE pair = rb_hash_new();
		rb_hash_aset(pair, symbol("req_sum"), ULL2NUM(value->pair[0]));
		rb_hash_aset(pair, symbol("count"), ULL2NUM(value->pair[1]));
		return pair;
	}
	case MALLCTL_NOTHING:
	case MALLCTL_STRUCTURE:
		break;
	}
	return Qnil;
}

static VALUE read_now(struct request *request) {
	request->status = mallctl_read(&request->target, &request->answer);
	demand_ok(request, Qnil);
	return to_ruby(request, &request->answer);
}

/* Without the GVL. */
static void *perform(void *data) {
	struct request *request = data;
	switch (request->use) {
	case MALLCTL_USE_SET:
	case MALLCTL_USE_WRITE:
		request->status = mallctl_write(&request->target, &request->given, request->before);
		break;
	case MALLCTL_USE_ACT:
		request->status = mallctl_act(&request->target);
		break;
	case MALLCTL_USE_MAKE:
		request->status = mallctl_read(&request->target, &request->answer);
		break;
	case MALLCTL_USE_ASK:
		request->status = mallctl_ask(&request->target, &request->given, &request->answer);
		break;
	case MALLCTL_USE_READ:
	case MALLCTL_USE_NOTHING:
		break;
	}
	return NULL;
}

/* What a write may have to be undone to. The copy of a string is the one that Ruby was given. */
static VALUE note_before(struct request *request) {
	VALUE before = read_now(request);
	if (RB_TYPE_P(before, T_STRING)) request->answer.string = RSTRING_PTR(before);
	request->before = NIL_P(before) ? NULL : &request->answer;
	return before;
}

static VALUE run(struct request *request, VALUE value) {
	VALUE before = Qnil;
	if (request->use == MALLCTL_USE_READ) return read_now(request);
	if (request->use == MALLCTL_USE_SET) before = note_before(request);
	rb_thread_call_without_gvl(perform, request, NULL, NULL);
	RB_GC_GUARD(before);
	demand_ok(request, value);
	bool answers = request->use == MALLCTL_USE_MAKE || request->use == MALLCTL_USE_ASK;
	return answers ? to_ruby(request, &request->answer) : before;
}

static void reach(struct request *request) {
	request->status = mallctl_reach(&request->target);
	demand_ok(request, Qnil);
}

static void refresh(void) {
	raise_unless_ok(mallctl_refresh(), "a new snapshot of jemalloc's statistics");
}

/* Mallctl.call(name, value or NOTHING, type or nil, unsafe) => what was read, made or answered, or what was before */
static VALUE mallctl_call(VALUE self, VALUE name, VALUE value, VALUE type, VALUE unsafe) {
	(void)self;
	struct request request = {.status = STATUS_OK};
	bool given = value != nothing;
	find(&request, name, type, RTEST(unsafe));
	const struct mallctl_access_uses *uses = &mallctl_accesses[entry_of(&request)->access];
	request.use = given ? uses->given : uses->bare;
	refuse_danger(&request, RTEST(unsafe));
	demand_use(&request, given);
	if (given) take_value(&request, value);
	reach(&request);
	if (request.use == MALLCTL_USE_READ && entry_of(&request)->snapshot) refresh();
	VALUE result = run(&request, value);
	RB_GC_GUARD(request.name);
	return result;
}

static void prepare_reading(struct request *request, VALUE name) {
	find(request, name, Qnil, false);
	if (mallctl_accesses[entry_of(request)->access].bare != MALLCTL_USE_READ) COMPLAIN("not_read", request->name);
	request->use = MALLCTL_USE_READ;
	refuse_danger(request, false);
	reach(request);
}

/* Mallctl.read_many([name, ...]) => {name => value}; all of them are checked before the first is read */
static VALUE mallctl_read_many(VALUE self, VALUE names) {
	(void)self;
	VALUE values = rb_hash_new();
	bool snapshot = false;
	Check_Type(names, T_ARRAY);
	names = rb_ary_dup(names);
	for (long i = 0; i < RARRAY_LEN(names); i++) {
		struct request request = {.status = STATUS_OK};
		prepare_reading(&request, rb_ary_entry(names, i));
		snapshot |= entry_of(&request)->snapshot;
	}
	if (snapshot) refresh();
	for (long i = 0; i < RARRAY_LEN(names); i++) {
		struct request request = {.status = STATUS_OK};
		prepare_reading(&request, rb_ary_entry(names, i));
		rb_hash_aset(values, rb_ary_entry(names, i), read_now(&request));
	}
	return values;
}

static VALUE lower_symbol(const char *name) {
	return rb_funcall(rb_funcall(rb_utf8_str_new_cstr(name), rb_intern("downcase"), 0), rb_intern("to_sym"), 0);
}

/* Mallctl.table => [[name, type, direction as in the manual, access, danger or nil, need or nil, flag, origin], ...] */
static VALUE mallctl_table(VALUE self) {
	(void)self;
	VALUE table = rb_ary_new_capa((long)mallctl_count);
	for (size_t i = 0; i < mallctl_count; i++) {
		const struct mallctl *entry = &mallctls[i];
		bool danger = entry->danger != MALLCTL_DANGER_NONE;
		rb_ary_push(table, rb_ary_new_from_args(8, rb_utf8_str_new_cstr(entry->name),
					   rb_utf8_str_new_cstr(mallctl_types[entry->type].name),
					   rb_utf8_str_new_cstr(mallctl_accesses[entry->access].direction),
					   lower_symbol(mallctl_accesses[entry->access].name),
					   danger ? lower_symbol(mallctl_dangers[entry->danger].name) : Qnil,
					   string_or_nil(mallctl_needs[entry->needs].sentence),
					   string_or_nil(mallctl_needs[entry->needs].flag),
					   lower_symbol(mallctl_origins[entry->origin].name)));
	}
	return table;
}

void init_jemalloc(VALUE room) {
	mallctl_module = rb_define_module_under(room, "Mallctl");
	rb_gc_register_mark_object(mallctl_module);
	nothing = rb_obj_freeze(rb_obj_alloc(rb_cObject));
	rb_define_const(mallctl_module, "NOTHING", nothing);
	rb_gc_register_mark_object(nothing);
	rb_define_singleton_method(mallctl_module, "call", mallctl_call, 4);
	rb_define_singleton_method(mallctl_module, "read_many", mallctl_read_many, 1);
	rb_define_singleton_method(mallctl_module, "table", mallctl_table, 0);
}
