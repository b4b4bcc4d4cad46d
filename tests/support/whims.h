/* SPDX-License-Identifier: ISC */
/*
 * Tenants and an operator who do at random whatever a service lets them do, one thing at a time,
 * over HTTP and by its commands.  What to do it to is looked up in its database; of what was
 * acknowledged a list is kept, against which that is checked.  What fails here fails the running
 * test.
 */
#ifndef TESTS_SUPPORT_WHIMS_H
#define TESTS_SUPPORT_WHIMS_H

#include "base/endpoint.h"
#include "base/random.h"
#include "tests/support/truth.h"

#include <stdbool.h>

struct whims;

/* log: where commands say what is wrong. */
struct whims *whims_create(
    uint64_t seed, const char *data, const struct endpoint *at, const char *log);
void whims_destroy(struct whims *w);

/* One of them.  doomed: the service is being killed, and need not answer. */
void whims_step(struct whims *w, struct truth *t, bool doomed);

/* What the last one was. */
const char *whims_last(const struct whims *w);

/* All that was acknowledged is in the database. */
void whims_check(struct whims *w, struct truth *t);

/* An older database took the place of this one. */
void whims_forget_all(struct whims *w);

/* How often what was done, as diagnostics; returns how many were acknowledged. */
unsigned whims_tell(const struct whims *w);

/* Commands of the service: whatever is said with --data; how it ended. */
bool whims_command(const char *data, const char *const *words, size_t count, const char *output);

#endif
