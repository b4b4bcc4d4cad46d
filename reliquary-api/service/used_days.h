/* SPDX-License-Identifier: ISC */
/*
 * Notes on which day a token was last used, by the writer, a little later; and at most once an
 * hour for a token, also when it could not be noted, so that reading does not become writing.
 */
#ifndef RELIQUARY_API_SERVICE_USED_DAYS_H
#define RELIQUARY_API_SERVICE_USED_DAYS_H

#include "base/clock.h"
#include "base/random.h"
#include "reliquary-api/service/writer.h"
#include "reliquary-api/store/accounts.h"

struct used_days;

struct used_days *used_days_create(struct writer *writer, struct random *random); /* NULL: memory */
void used_days_destroy(struct used_days *d); /* before the writer; NULL is fine */

/* The token was used now.  Any thread; nobody waits. */
void used_days_note(struct used_days *d, const struct caller *who, struct instant now);

#endif
