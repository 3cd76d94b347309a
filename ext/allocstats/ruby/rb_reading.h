/* How the reading of a file went, for Ruby: what AllocStats::Reason makes a sentence of. */
#ifndef ALLOCSTATS_RB_READING_H
#define ALLOCSTATS_RB_READING_H

#include "kernel/line_reader.h"

#include <ruby.h>

/* => {status: :ok, :unsupported, :unreadable, :malformed or :no_memory, error: errno or nil, line: Integer} */
VALUE reading_to_ruby(const struct reading *reading);

#endif
