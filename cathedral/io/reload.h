/* SPDX-License-Identifier: ISC */
/*
 * Keeps the registry what the files say, or registry.db: on request, on SIGHUP, and when they
 * change.
 */
#ifndef CATHEDRAL_IO_RELOAD_H
#define CATHEDRAL_IO_RELOAD_H

#include "base/fault.h"
#include "cathedral/ops/overview.h"
#include "cathedral/relay/pipeline.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/follow.h"
#include "cathedral/state/registry.h"

#include <event2/event.h>
#include <stdbool.h>

struct reload;

struct reload_options {
	const struct registry_source *source;
	struct follow *follow; /* registry.db; NULL: it is the files that source names */
	struct site *site;
	struct pipeline *pipeline; /* the main thread's, for ambries */
};

/* Everything is borrowed.  The site's registry counts as read just now. */
struct reload *reload_create(
    struct event_base *base, const struct reload_options *options, struct fault *why);
void reload_destroy(struct reload *r); /* NULL is fine */

/*
 * Reads them at once.  False, with the reason, when they are wrong: the registry stays what
 * it was, and they are tried again every few seconds.
 */
bool reload_now(struct reload *r, struct fault *why);

/* The same a moment later, once for several calls. */
void reload_soon(struct reload *r);

/*
 * To be called from time to time: frees the registry before, and once no reader goes by it any
 * more, forgets what a late batch remembered of devices that are gone.
 */
void reload_settle(struct reload *r);

const struct overview_reload *reload_state(const struct reload *r);

/*
 * "3 flocks, 8 devices (+1), 1 xflock, 2 other cathedrals": before, or NULL, is what differences
 * are to.  Returns text.
 */
#define RELOAD_TEXT 256
const char *reload_summary(const struct registry_counts *c, const struct registry_counts *before,
    char text[static RELOAD_TEXT]);

#endif
