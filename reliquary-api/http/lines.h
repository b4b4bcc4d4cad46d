/* SPDX-License-Identifier: ISC */
/*
 * Is a head made of the lines that the HTTP library says it is?  The library is easier to please
 * than a proxy in front of us may be: to it a line also ends with LF alone or with a NUL, and goes
 * on in the next one when that begins with a blank, which is then put behind the field's name.  So
 * what it hands over need not be what the proxy has read and let through.
 *
 * But it leaves the head in memory as it came, and only puts NULs in the place of what stood
 * between two parts.  When each part begins where the one before it ends by the book, there was
 * nothing else.
 */
#ifndef RELIQUARY_API_HTTP_LINES_H
#define RELIQUARY_API_HTTP_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct lines {
	const char *target;
	size_t target_len;
	const char *next; /* where the next line begins; NULL: something was wrong */
	bool visible;     /* the target is: no blanks, no control characters */
};

/* First the target of the request as it came: the library takes it to pieces afterwards. */
void lines_target(struct lines *l, const char *target);

/* Then the whole first line, each field in its order, and where the library says the head ends. */
void lines_begin(struct lines *l, const char *method, const char *version);
void lines_field(struct lines *l, const char *name, const char *value);
bool lines_end(const struct lines *l, const char *end);

#endif
