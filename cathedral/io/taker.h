/* SPDX-License-Identifier: ISC */
/* The side of a hand-over that will serve: takes over from the cathedral that does (io/handover.h).
 */
#ifndef CATHEDRAL_IO_TAKER_H
#define CATHEDRAL_IO_TAKER_H

#include "base/fault.h"
#include "cathedral/io/handover.h"
#include "cathedral/io/sockets.h"
#include "cathedral/ops/overview.h"
#include "cathedral/relay/site.h"

#include <stdbool.h>
#include <stdint.h>

struct taker;

/*
 * Asks the cathedral behind the door at path, which serves on, for its sockets: NULL with the
 * reason when nobody answers, or refuses.
 */
struct taker *taker_knock(const char *path, const char *version, struct fault *why);

/* Closes what nobody took; the other side serves on unless taker_serves() was called.  NULL is
 * fine.
 */
void taker_destroy(struct taker *t);

/* For sockets_take(). */
struct sockets_taken *taker_sockets(struct taker *t);

/*
 * The open file of this role, if it goes by this name; the caller's from then on, and the other
 * side will leave it alone when it ends.  -1: there is none.
 */
int taker_keepsake(struct taker *t, enum keepsake_role role, const char *name);

/* How often the other side's systemd wants to hear from it; 0: not at all. */
uint64_t taker_watchdog_ms(const struct taker *t);

enum taker_result {
	TAKER_GO,     /* nobody serves any more: do */
	TAKER_ORPHAN, /* the same, but the other one died before it had told everything */
	TAKER_NOT,    /* the other one serves on, or may: end, saying why */
};

/* Takes everything that the other one knows into the site, which no thread serves yet. */
enum taker_result taker_take(struct taker *t, struct site *site, struct fault *why);

/* All workers run, since when (monotonic): tells the other one that it may end. */
void taker_serves(struct taker *t, uint64_t since_ns);

/* How it went: handovers, taken_s and gap_ns. */
void taker_report(const struct taker *t, struct overview_succession *ret);
const struct bequest_counts *taker_counts(const struct taker *t);

#endif
