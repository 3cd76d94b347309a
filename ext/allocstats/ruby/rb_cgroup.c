/* AllocStats::Cgroup.read_files: what lib/allocstats/cgroup.rb builds its value object from. */
#include "rb_cgroup.h"
#include "private_heap.h"
#include "rb_allocstats.h"
#include "rb_reading.h"

#include <ruby/thread.h>

struct cgroup_call {
	const char *root;
	struct cgroup *cgroup;
};

/* Without the GVL. */
static void *read_cgroup(void *data) {
	struct cgroup_call *call = data;
	cgroup_read(call->root, PROC_SELF, call->cgroup);
	return NULL;
}

/* Paths are the kernel's bytes, in whatever encoding the file system has. */
static VALUE path_to_ruby(const char *path) {
	return path[0] ? rb_filesystem_str_new_cstr(path) : Qnil;
}

/* => [number, :unlimited or nil, reading] */
static VALUE value_to_ruby(const struct cgroup_value *value) {
	VALUE number = Qnil;
	if (value->reading.status == STATUS_OK)
		number = value->number == CGROUP_UNLIMITED ? symbol("unlimited") : ULL2NUM(value->number);
	return rb_assoc_new(number, reading_to_ruby(&value->reading));
}

static VALUE values_to_ruby(const struct cgroup *cgroup) {
	VALUE hash = rb_hash_new();
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++)
		rb_hash_aset(hash, symbol(cgroup_sources[i].name), value_to_ruby(&cgroup->values[i]));
	return hash;
}

/* => [number, :unlimited or nil, reading, levels up, reading that was refused, its levels up] */
static VALUE limit_to_ruby(const struct cgroup_limit *limit) {
	VALUE array = value_to_ruby(&limit->value);
	rb_ary_push(array, UINT2NUM(limit->levels_up));
	rb_ary_push(array, reading_to_ruby(&limit->refused));
	rb_ary_push(array, UINT2NUM(limit->refused_levels_up));
	return array;
}

static VALUE stall_to_ruby(bool known, const uint64_t fields[PRESSURE_FIELDS]) {
	VALUE array = rb_ary_new();
	if (!known) return Qnil;
	for (unsigned i = 0; i < PRESSURE_FIELDS; i++) rb_ary_push(array, ULL2NUM(fields[i]));
	return array;
}

static VALUE pressure_to_ruby(const struct cgroup *cgroup) {
	const struct pressure *pressure = &cgroup->pressure;
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("folder"), path_to_ruby(cgroup->pressure_path));
	rb_hash_aset(hash, symbol("reading"), reading_to_ruby(&pressure->reading));
	rb_hash_aset(hash, symbol("some"), stall_to_ruby(pressure->has_some, pressure->some));
	rb_hash_aset(hash, symbol("full"), stall_to_ruby(pressure->has_full, pressure->full));
	return hash;
}

VALUE cgroup_to_ruby(const struct cgroup *cgroup) {
	VALUE hash = rb_hash_new();
	rb_hash_aset(hash, symbol("membership"), reading_to_ruby(&cgroup->membership));
	rb_hash_aset(hash, symbol("mounts"), reading_to_ruby(&cgroup->mounts));
	rb_hash_aset(hash, symbol("version"), cgroup->version ? INT2NUM(cgroup->version) : Qnil);
	rb_hash_aset(hash, symbol("path"), path_to_ruby(cgroup->path));
	rb_hash_aset(hash, symbol("values"), values_to_ruby(cgroup));
	rb_hash_aset(hash, symbol("limit"), limit_to_ruby(&cgroup->limit));
	rb_hash_aset(hash, symbol("high"), limit_to_ruby(&cgroup->high));
	rb_hash_aset(hash, symbol("swap_limit"), limit_to_ruby(&cgroup->swap_limit));
	rb_hash_aset(hash, symbol("pressure"), pressure_to_ruby(cgroup));
	return hash;
}

static VALUE run_call(VALUE data) {
	struct cgroup_call *call = (struct cgroup_call *)data;
	rb_thread_call_without_gvl(read_cgroup, call, NULL, NULL);
	return cgroup_to_ruby(call->cgroup);
}

static VALUE free_call(VALUE data) {
	private_free(PRIVATE_readings, ((struct cgroup_call *)data)->cgroup);
	return Qnil;
}

/* call-seq: read_files(root) -> Hash, or nil without memory. root is "" or a made tree's folder. */
static VALUE cgroup_read_files(VALUE self, VALUE root) {
	(void)self;
	struct cgroup_call call = {.root = StringValueCStr(root)};
	call.cgroup = private_alloc(PRIVATE_readings, sizeof *call.cgroup);
	if (!call.cgroup) return Qnil;
	VALUE hash = rb_ensure(run_call, (VALUE)&call, free_call, (VALUE)&call);
	RB_GC_GUARD(root);
	return hash;
}

static VALUE source_to_ruby(const char *file, const char *key) {
	if (!file) return Qnil;
	return rb_assoc_new(rb_str_new_cstr(file), key ? rb_str_new_cstr(key) : Qnil);
}

/* => {figure: [[v1 file, key or nil] or nil, [v2 file, key or nil] or nil]} */
static VALUE cgroup_source_list(VALUE self) {
	(void)self;
	VALUE hash = rb_hash_new();
	for (unsigned i = 0; i < CGROUP_FIGURE_COUNT; i++) {
		const struct cgroup_source *source = &cgroup_sources[i];
		rb_hash_aset(hash, symbol(source->name),
			rb_assoc_new(source_to_ruby(source->in[0].file, source->in[0].key),
				source_to_ruby(source->in[1].file, source->in[1].key)));
	}
	return hash;
}

void init_cgroup(VALUE module) {
	VALUE class = rb_define_class_under(module, "Cgroup", rb_cObject);
	rb_define_singleton_method(class, "read_files", cgroup_read_files, 1);
	rb_define_singleton_method(class, "source_list", cgroup_source_list, 0);
}
