/* SPDX-License-Identifier: ISC */
/* The side of a hand-over that serves now: lets the cathedral after it in (io/handover.h). */
#ifndef CATHEDRAL_IO_GIVER_H
#define CATHEDRAL_IO_GIVER_H

#include "base/fault.h"
#include "cathedral/io/handover.h"
#include "cathedral/io/sockets.h"
#include "cathedral/ops/overview.h"
#include "cathedral/relay/site.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct giver;

/* Pointers are borrowed. */
struct giver_options {
	const char *version;
	struct site *site;
	const struct sockets *sockets;
	struct overview_succession *state;           /* what comes of it is counted there */
	uint64_t watchdog_ms;                        /* the taker goes on with it; 0: none */
	const struct keepsake *keepsakes[KEEPSAKES]; /* the door itself is one */

	uint64_t (*pause)(void *arg); /* nobody serves when it returns; and since when ... */
	void (*resume)(void *arg);    /* ... and all of them do again */
	/* The other one serves: kept[role] says which keepsakes are in use by it. */
	void (*given)(void *arg, const bool kept[static KEEPSAKES]);
	void *arg;
};

/* Answers at the door from the base's loop; NULL when out of memory. */
struct giver *giver_create(struct event_base *base, const struct giver_options *options);
void giver_destroy(struct giver *g); /* NULL is fine; does not close the door */

#endif
