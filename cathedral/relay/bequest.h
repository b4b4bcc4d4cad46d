/* SPDX-License-Identifier: ISC */
/*
 * What a cathedral leaves to the one that comes after it: its tables, in frames (state/frame.h),
 * told to a process that takes over or written to a file.  The heir keeps what its own registry and
 * listeners have a use for.
 */
#ifndef CATHEDRAL_RELAY_BEQUEST_H
#define CATHEDRAL_RELAY_BEQUEST_H

#include "base/clock.h"
#include "base/fault.h"
#include "cathedral/relay/site.h"
#include "cathedral/state/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames of a bequest; kinds from BEQUEST_KINDS on are somebody else's. */
enum bequest_kind {
	BEQUEST_HEAD = 1,  /* whose, when, and what its listeners are: first of all */
	BEQUEST_TUNNELS,   /* needed, as all but the next two and those behind the end */
	BEQUEST_LITURGIES, /* come again with the devices' next ones */
	BEQUEST_IDENTITIES,
	BEQUEST_REPLAY_KEY, /* before the first of the next */
	BEQUEST_REPLAYS,
	BEQUEST_END,      /* of a file: how many frames there were */
	BEQUEST_BUDGETS,  /* who does not know them counts from zero, and serves */
	BEQUEST_DRAINING, /* nothing more: that it is; without, it is not */
	BEQUEST_KINDS = 256
};

struct bequest_counts {
	uint64_t tunnels, liturgies, identities, replays, budgets;
	uint64_t left; /* what the heir had no use or no room for */
};

/* ---- the giving side ---- */

/* Where frames go, called with no lock held; false ends it. */
struct bequest_sink {
	bool (*put)(void *arg, const uint8_t *frame, size_t len);
	void *arg;
};

struct bequest;

/* What of it is for whom. */
enum bequest_scope {
	BEQUEST_PROCESS, /* everything */
	BEQUEST_STATE,   /* a file: accepted offers would be old there, and many ... */
	BEQUEST_MONTHS,  /* ... and budgets have one of their own, which is good for months */
};

/* NULL when out of memory; site and sink are borrowed. */
struct bequest *bequest_create(
    struct site *site, const struct bequest_sink *sink, enum bequest_scope scope);
void bequest_destroy(struct bequest *b);

/*
 * Writes everything the first time, and after that what changed since the call before, while the
 * site goes on serving.  False when the sink said so, or out of memory.  Adds to *counts.
 */
bool bequest_write(struct bequest *b, struct instant now, struct bequest_counts *counts);

/* Closes a file: nothing of it is missing that is not noticed. */
bool bequest_end(struct bequest *b);

/* ---- the heir's ---- */

struct heir {
	struct site *site;
	enum bequest_scope scope;
	bool begun, ended;
	bool replays;         /* they mean something: their key came */
	unsigned listeners;   /* so many the other had */
	uint8_t of_ours[256]; /* his to ours; HEIR_NONE: there is none */
	int64_t wall_s;       /* when it was written */
	uint64_t mono_ns;
	uint64_t frames, skipped; /* all; and those that are not known here */
	struct bequest_counts counts;
};

#define HEIR_NONE 0xff

struct heir heir_of(struct site *site, enum bequest_scope scope);

/*
 * Takes in one frame; before other threads serve the site, or while none does.  False when it is
 * wrong, or one that is needed is not known: what came before it stays in the tables.
 */
bool heir_take(struct heir *h, const struct frame *f, struct instant now, struct fault *why);

#endif
