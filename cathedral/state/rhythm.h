/* SPDX-License-Identifier: ISC */
/*
 * When other cathedrals are told of an entry (docs/protocol.md, "When cathedrals are told").  What
 * changed is told at once, and again each time that the device speaks, until a few losses in a row
 * have been outlived; from then on it is refreshed now and then.  Each entry has its own due time,
 * drawn at random, so that refreshes are spread over the period and nobody has to walk all entries.
 */
#ifndef CATHEDRAL_STATE_RHYTHM_H
#define CATHEDRAL_STATE_RHYTHM_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define RHYTHM_LEAST_NS  (3 * NS_PER_S) /* between two of one entry that did not change */
#define RHYTHM_BURST     4              /* changes of one entry that go at once; then one in 3 s */
#define RHYTHM_REPEATS   6              /* of a change, each with something new from the device */
#define RHYTHM_REFRESH_S 40             /* a third of what entries live, ENTRY_TTL_NS */

/* Of one entry; all zero at first. */
struct rhythm {
	uint64_t next_ns;  /* nothing but a change before this */
	uint64_t due_ns;   /* refreshed from then on */
	uint64_t ahead_ns; /* how far changes have used up their burst */
	uint8_t repeats;   /* that the last change has left */
	uint8_t changes;   /* counted; may go round */
};

/* To whom, and why. */
enum tell {
	TELL_NOBODY,
	TELL_LATE,    /* only those who missed things lately */
	TELL_REFRESH, /* all: nothing changed */
	TELL_AGAIN,   /* all: a change that was told before, and may have been lost */
	TELL_CHANGE,  /* all, at once */
};

struct rhythm_terms {
	uint64_t refresh_ns; /* unchanged entries are told again before that is over */
	bool late;           /* there is somebody who missed things lately */
	uint64_t draw;       /* random */
};

/* Each time that the device has spoken. */
enum tell rhythm_next(
    struct rhythm *r, bool changed, uint64_t now_ns, const struct rhythm_terms *terms);

#endif
