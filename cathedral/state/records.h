/* SPDX-License-Identifier: ISC */
/*
 * Entries of the tables as bytes, each kind of one size, for the cathedral that comes after this
 * one (relay/bequest.h).  Whatever is read was looked at: an entry that no cathedral could have
 * written is refused.  Times are of the monotonic clock, which is the same for all of a machine.
 */
#ifndef CATHEDRAL_STATE_RECORDS_H
#define CATHEDRAL_STATE_RECORDS_H

#include "cathedral/state/budget.h"
#include "cathedral/state/identities.h"
#include "cathedral/state/liturgies.h"
#include "cathedral/state/replay.h"
#include "cathedral/state/tunnels.h"
#include "protocol/wire/cursor.h"

#define RECORD_ENDPOINT 18
#define RECORD_TUNNEL   166
#define RECORD_LITURGY  117
#define RECORD_IDENTITY 47
#define RECORD_REPLAY   32
#define RECORD_BUDGET   20

void record_endpoint_put(struct writer *w, const struct endpoint *e);
void record_tunnel_put(struct writer *w, const struct tunnel *t);
void record_liturgy_put(struct writer *w, const struct liturgy_entry *e);
void record_identity_put(struct writer *w, const struct identity_record *r);
void record_replay_put(struct writer *w, const struct replay_record *r);
void record_budget_put(struct writer *w, const struct budget_record *r);

/* What can be true of an entry. */
struct record_limits {
	uint64_t now_ns;
	int64_t now_s;      /* Unix time */
	unsigned listeners; /* so many the writer had */
};

struct endpoint record_endpoint_get(struct cursor *c);
bool record_tunnel_get(struct tunnel *ret, struct cursor *c, const struct record_limits *limits);
bool record_liturgy_get(
    struct liturgy_entry *ret, struct cursor *c, const struct record_limits *limits);
bool record_identity_get(
    struct identity_record *ret, struct cursor *c, const struct record_limits *limits);
bool record_replay_get(
    struct replay_record *ret, struct cursor *c, const struct record_limits *limits);
bool record_budget_get(
    struct budget_record *ret, struct cursor *c, const struct record_limits *limits);

#endif
