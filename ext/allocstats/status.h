/* What a function of the core answers. No function of the core raises, prints or exits. */
#ifndef ALLOCSTATS_STATUS_H
#define ALLOCSTATS_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_UNSUPPORTED,   /* this allocator, kernel or machine has no such thing */
	STATUS_UNREADABLE,    /* the file or call exists and refused; errno says why */
	STATUS_MALFORMED,     /* it answered something this code does not understand */
	STATUS_NO_MEMORY,     /* the private heap could not give what was asked */
	STATUS_UNKNOWN_NAME,  /* there is no figure, option or control of this name */
	STATUS_READ_ONLY,     /* it can be read and not written */
	STATUS_INVALID_VALUE, /* the value is of another type, out of bounds, or was refused by the allocator */
};

#endif
