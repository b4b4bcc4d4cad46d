/* SPDX-License-Identifier: ISC */
/*
 * The host's own rate: one account of all that is sent, by any thread.  It is kept as time on the
 * line, so that what was spent more than there was is waited for exactly as long as it took.
 */
#ifndef CATHEDRAL_STATE_EGRESS_H
#define CATHEDRAL_STATE_EGRESS_H

#include <stddef.h>
#include <stdint.h>

#define EGRESS_BURST_NS UINT64_C(2000000) /* what an idle line has saved up at most */
#define EGRESS_DEBT_NS                                                                             \
	UINT64_C(100000000) /* answers are never held back: more than this is forgotten */

/* What a datagram takes beside its bytes: headers of IPv6 and UDP, the larger ones. */
#define EGRESS_HEADERS 48

struct egress;

/* mbit: at least 1.  NULL when out of memory. */
struct egress *egress_create(uint32_t mbit);
void egress_destroy(struct egress *e);

uint32_t egress_mbit(const struct egress *e);

/* Time on the line, in nanoseconds, for so many bytes; and back. */
uint64_t egress_time_ns(const struct egress *e, uint64_t bytes);
int64_t egress_bytes(const struct egress *e, int64_t ns);

/* What may be sent now, in nanoseconds on the line; 0 or less: nothing yet. */
int64_t egress_left_ns(struct egress *e, uint64_t now_ns);

/* So much was sent, whether there was anything left or not; or the socket took no more. */
void egress_charge(struct egress *e, uint64_t ns);

#endif
