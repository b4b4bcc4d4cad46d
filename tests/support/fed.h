/* SPDX-License-Identifier: ISC */
/* Pages of the feed, and what is in them, for tests of handlers (tests/support/handled.h). */
#ifndef TESTS_SUPPORT_FED_H
#define TESTS_SUPPORT_FED_H

#include "tests/support/bundles.h"
#include "tests/support/handled.h"

/* The public key of all members here. */
#define FED_COSK "c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5c0c5"

/* Parts of a page: an element that must be there, how many there are, a number. */
json_t *fed_part(json_t *object, const char *name, size_t index);
size_t fed_count(json_t *object, const char *name);
uint64_t fed_number(json_t *object, const char *name);

/* A page that who listens must take; the same again. */
json_t *fed_understood(json_t *page);

/* A device joins a flock of who's ("/v1/flocks/ID") and is let in: {cathedral_id, cathedral_secret,
 * flock}, the caller's; and so many of them. */
json_t *fed_member(struct handled *h, const struct handled_tenant *who, const char *of);
void fed_members(struct handled *h, const struct handled_tenant *who, const char *of, unsigned n);

void fed_upload(struct handled *h, const struct handled_tenant *who, const char *what,
    const struct made_bundle *m);

/* The handler alone, once; the caller frees the reply. */
struct reply fed_call(struct handled *h, const char *what, bool may_wait, bool again);

#endif
