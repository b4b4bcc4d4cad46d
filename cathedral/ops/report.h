/* SPDX-License-Identifier: ISC */
/* The JSON documents that the control socket answers with; the caller owns them (json_decref). */
#ifndef CATHEDRAL_OPS_REPORT_H
#define CATHEDRAL_OPS_REPORT_H

#include "base/clock.h"
#include "base/ids.h"
#include "cathedral/ops/overview.h"

#include <jansson.h>

#define REPORT_ENTRIES_MAX 10000 /* of a list; more are cut off and "truncated" is true */

/*
 * A string that did not come from us.  What is not UTF-8 has no place in JSON: then every byte that
 * is not ASCII becomes a question mark.
 */
json_t *report_text(const char *text);

json_t *report_status(const struct overview *o, struct instant now);
json_t *report_federation(const struct overview *o, struct instant now);
json_t *report_counters(const struct overview *o);

/* Entries of one flock (any domain), or of all when flock is NULL. */
json_t *report_tunnels(const struct overview *o, const struct flock_id *flock, struct instant now);
json_t *report_liturgies(
    const struct overview *o, const struct flock_id *flock, struct instant now);

#endif
