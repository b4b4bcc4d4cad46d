/* SPDX-License-Identifier: ISC */
/* Clients that only hold what they have: connections, and bodies that never end. */
#ifndef TESTS_SUPPORT_SIEGE_H
#define TESTS_SUPPORT_SIEGE_H

#include "base/endpoint.h"

#include <stddef.h>

struct siege;

/*
 * So many connections that say nothing, or nothing more once they got an answer to what they asked
 * (NULL: nothing).  What cannot be opened, or is not answered, ends the bench.
 */
struct siege *siege_idle(const struct endpoint *at, size_t count, const char *asked);

/*
 * So many that begin a request with a body, and send a byte of it every now and then, all of them
 * together `rate` a second, from a thread of their own.  Who is thrown out comes again.
 */
struct siege *siege_drip(const struct endpoint *at, size_t count, const char *head, unsigned rate);

/* How many are still connected; how often one was thrown out. */
size_t siege_standing(const struct siege *s);
size_t siege_thrown_out(const struct siege *s);

void siege_end(struct siege *s);

#endif
