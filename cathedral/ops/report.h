/* SPDX-License-Identifier: ISC */
/* The JSON documents that the control socket answers with; the caller owns them (json_decref). */
#ifndef CATHEDRAL_OPS_REPORT_H
#define CATHEDRAL_OPS_REPORT_H

#include "base/clock.h"
#include "base/ids.h"
#include "cathedral/ops/overview.h"

#include <jansson.h>
#include <stdint.h>

#define REPORT_ENTRIES_MAX 10000 /* of a list; more are cut off and "truncated" is true */
#define REPORT_FLOCKS_MAX  1000  /* of a page; "next" says after which the next one begins */

/*
 * A string that did not come from us.  What is not UTF-8 has no place in JSON: then every byte that
 * is not ASCII becomes a question mark.
 */
json_t *report_text(const char *text);

/* Lower-case hexadecimal, of at least so many digits. */
json_t *report_hex(int digits, uint64_t value);

json_t *report_status(const struct overview *o, struct instant now);
/* Whether it drains, and so many tunnels and liturgies of devices here were heard of lately. */
json_t *report_drain(const struct overview *o, struct instant now);

json_t *report_federation(const struct overview *o, struct instant now);
json_t *report_counters(const struct overview *o);

/* Entries of one flock (any domain), or of all when flock is NULL. */
json_t *report_tunnels(const struct overview *o, const struct flock_id *flock, struct instant now);
json_t *report_liturgies(
    const struct overview *o, const struct flock_id *flock, struct instant now);

/*
 * The flocks with ids above after (NULL: all), a page of them in the order of their ids.  Looks at
 * every flock there is: some 30 ms at 100,000.
 */
json_t *report_flocks(const struct overview *o, const struct flock_id *after, struct instant now);

/*
 * All about one flock (any domain), or {"error"}.  Slices are read for their fingerprints: up to
 * 4 MB, and 8 MB for each xflock, when all 255 numbers are in use.
 */
json_t *report_flock(const struct overview *o, struct flock_id flock);

#endif
