/* SPDX-License-Identifier: ISC */
/* Clients that only hold what they have: connections without a word, and bodies that never end. */
#ifndef TESTS_SUPPORT_SIEGE_H
#define TESTS_SUPPORT_SIEGE_H

#include "base/endpoint.h"

#include <stddef.h>

struct siege;

/* So many connections that say nothing; what cannot be opened ends the bench. */
struct siege *siege_idle(const struct endpoint *at, size_t count);

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
