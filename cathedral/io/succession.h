/* SPDX-License-Identifier: ISC */
/*
 * What outlives this process: the door at which the next one takes over (giver.h), the state
 * file, written every so often for one that comes after a crash, and the file of budgets.
 */
#ifndef CATHEDRAL_IO_SUCCESSION_H
#define CATHEDRAL_IO_SUCCESSION_H

#include "base/fault.h"
#include "cathedral/io/handover.h"
#include "cathedral/io/sockets.h"
#include "cathedral/io/taker.h"
#include "cathedral/ops/overview.h"
#include "cathedral/relay/site.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct succession;

/* Strings are borrowed. */
struct succession_options {
	const char *version;
	const char *owner;   /* the user that the daemon will be; empty: the one it is */
	const char *door;    /* path; empty: there is none */
	const char *state;   /* path; empty: there is none */
	uint64_t state_s;    /* between two writings */
	const char *budgets; /* path of what was used of them; empty: there is none */
	struct taker *taker; /* from whom the door may be taken over; or NULL */
};

/* Opens the door, which may need root: NULL with the reason. */
struct succession *succession_open(const struct succession_options *options, struct fault *why);

/* What runs by the time of succession_attach(); borrowed.  The callbacks are giver.h's. */
struct succession_world {
	struct site *site;
	const struct sockets *sockets;
	uint64_t watchdog_ms;
	const struct keepsake *keepsakes[KEEPSAKES]; /* but for the door */
	uint64_t (*pause)(void *arg);
	void (*resume)(void *arg);
	void (*given)(void *arg, const bool kept[static KEEPSAKES]);
	void *arg;
};

bool succession_attach(struct succession *s, struct event_base *base,
    const struct succession_world *world, struct fault *why);

/*
 * Before anybody serves: what the cathedral before left, if it left something.  Both report what
 * they found in the log.
 */
enum taker_result succession_take(struct succession *s, struct site *site, struct fault *why);

/* Everybody serves since then (monotonic): ends the one before, if there was one. */
void succession_serves(struct succession *s, uint64_t since_ns);

/* About ten times a second while it serves: what may be used of budgets. */
void succession_tick(struct succession *s, struct instant now);

/* Writes the files now, if there are to be any and nobody else serves. */
void succession_save(struct succession *s);

const struct overview_succession *succession_state(const struct succession *s);

void succession_close(struct succession *s); /* NULL is fine */

#endif
