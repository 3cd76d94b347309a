/* A control group's figures for Ruby, for those who read them together with something else. */
#ifndef ALLOCSTATS_RB_CGROUP_H
#define ALLOCSTATS_RB_CGROUP_H

#include "kernel/cgroup.h"

#include <ruby.h>

/* => what AllocStats::Cgroup.new takes */
VALUE cgroup_to_ruby(const struct cgroup *cgroup);

#endif
