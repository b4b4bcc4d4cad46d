/* SPDX-License-Identifier: ISC */
#include "cathedral/state/records.h"

#include "base/month.h"

#include <string.h>

/* Clocks of threads are read at different moments. */
#define SLACK_NS NS_PER_S

/* No entry waits longer than that for anything. */
#define AHEAD_NS (ENTRY_TTL_NS + SLACK_NS)

/* What a second brings at the largest cap: see struct tunnel. */
#define CREDIT_MAX (UINT32_MAX * NS_PER_S)

enum {
	T_FEDERATED = 1,
	T_PROVEN = 2,
	T_WANTS_AMBRY = 4,
	T_P2P = 8,
	T_BUCKET = 16,
	T_NEWS = 32,
	T_ALL = 63
};
enum { L_SIGNALLING = 1, L_HIDDEN = 2, L_FEDERATED = 4, L_ALL = 7 };

void
record_endpoint_put(struct writer *w, const struct endpoint *e)
{
	writer_put(w, e->ip, sizeof(e->ip));
	writer_be16(w, e->port);
}

struct endpoint
record_endpoint_get(struct cursor *c)
{
	struct endpoint e;

	memset(&e, 0, sizeof(e));
	cursor_take(c, e.ip, sizeof(e.ip));
	e.port = cursor_be16(c);
	return e;
}

static bool
is_past(uint64_t ns, const struct record_limits *limits)
{
	return ns <= limits->now_ns + SLACK_NS;
}

/* A device's clock, or that of its cathedral, was right when it was believed. */
static bool
is_said(uint64_t said_s, const struct record_limits *limits)
{
	return said_s <= (uint64_t)limits->now_s + 2 * OFFER_WINDOW_S;
}

static void
rhythm_put(struct writer *w, const struct rhythm *r)
{
	writer_be64(w, r->next_ns);
	writer_be64(w, r->due_ns);
	writer_be64(w, r->ahead_ns);
	writer_u8(w, r->repeats);
	writer_u8(w, r->changes);
}

static struct rhythm
rhythm_get(struct cursor *c)
{
	struct rhythm r;

	memset(&r, 0, sizeof(r));
	r.next_ns = cursor_be64(c);
	r.due_ns = cursor_be64(c);
	r.ahead_ns = cursor_be64(c);
	r.repeats = cursor_u8(c);
	r.changes = cursor_u8(c);
	return r;
}

static bool
rhythm_is_right(const struct rhythm *r, const struct record_limits *limits)
{
	uint64_t last_ns = limits->now_ns + AHEAD_NS;

	return r->next_ns <= last_ns && r->due_ns <= last_ns && r->ahead_ns <= last_ns &&
	       r->repeats <= RHYTHM_REPEATS;
}

/* ---- tunnels ---- */

static uint8_t
tunnel_flags(const struct tunnel *t)
{
	return (uint8_t)((t->federated ? T_FEDERATED : 0) | (t->proven ? T_PROVEN : 0) |
			 (t->wants_ambry ? T_WANTS_AMBRY : 0) | (t->p2p_usable ? T_P2P : 0) |
			 (t->bucket_set ? T_BUCKET : 0) | (t->p2p_news ? T_NEWS : 0));
}

void
record_tunnel_put(struct writer *w, const struct tunnel *t)
{
	writer_u8(w, tunnel_flags(t));
	writer_u8(w, t->listener);
	writer_be64(w, t->key.src.value);
	writer_be64(w, t->key.dst.value);
	writer_be16(w, t->key.id);
	writer_be64(w, t->seen_ns);
	writer_be64(w, t->instance);
	writer_be64(w, t->said_s);
	writer_be64(w, t->cooldown_ns);
	rhythm_put(w, &t->rhythm);
	writer_be64(w, t->remembered_ns);
	writer_be64(w, t->learned_ns);
	writer_be64(w, t->bucket_ns);
	writer_be64(w, t->credit);
	writer_be32(w, t->device.value);
	writer_be32(w, t->generation);
	writer_be32(w, t->rx_active);
	writer_be32(w, t->rx_pending);
	writer_be32(w, t->rx_learned);
	record_endpoint_put(w, &t->at);
	record_endpoint_put(w, &t->p2p);
}

static bool
tunnel_is_right(const struct tunnel *t, const struct record_limits *limits)
{
	struct tunnel_id id = { t->key.id };

	return flock_base(t->key.src).value != 0 && flock_base(t->key.dst).value != 0 &&
	       tunnel_own(id) != 0 && tunnel_peer(id) != 0 && t->listener < limits->listeners &&
	       t->at.port != 0 && is_past(t->seen_ns, limits) && is_said(t->said_s, limits) &&
	       rhythm_is_right(&t->rhythm, limits) && is_past(t->remembered_ns, limits) &&
	       is_past(t->learned_ns, limits) && is_past(t->bucket_ns, limits) &&
	       t->cooldown_ns <= limits->now_ns + AHEAD_NS && t->credit <= CREDIT_MAX;
}

bool
record_tunnel_get(struct tunnel *ret, struct cursor *c, const struct record_limits *limits)
{
	uint8_t flags = cursor_u8(c);
	struct tunnel t;

	memset(&t, 0, sizeof(t));
	t.listener = cursor_u8(c);
	t.key.src.value = cursor_be64(c);
	t.key.dst.value = cursor_be64(c);
	t.key.id = cursor_be16(c);
	t.seen_ns = cursor_be64(c);
	t.instance = cursor_be64(c);
	t.said_s = cursor_be64(c);
	t.cooldown_ns = cursor_be64(c);
	t.rhythm = rhythm_get(c);
	t.remembered_ns = cursor_be64(c);
	t.learned_ns = cursor_be64(c);
	t.bucket_ns = cursor_be64(c);
	t.credit = cursor_be64(c);
	t.device.value = cursor_be32(c);
	t.generation = cursor_be32(c);
	t.rx_active = cursor_be32(c);
	t.rx_pending = cursor_be32(c);
	t.rx_learned = cursor_be32(c);
	t.at = record_endpoint_get(c);
	t.p2p = record_endpoint_get(c);
	t.federated = (flags & T_FEDERATED) != 0;
	t.proven = (flags & T_PROVEN) != 0;
	t.wants_ambry = (flags & T_WANTS_AMBRY) != 0;
	t.p2p_usable = (flags & T_P2P) != 0;
	t.bucket_set = (flags & T_BUCKET) != 0;
	t.p2p_news = (flags & T_NEWS) != 0;
	if (!cursor_ok(c) || (flags & ~T_ALL) != 0 || !tunnel_is_right(&t, limits))
		return false;
	*ret = t;
	return true;
}

/* ---- liturgies ---- */

void
record_liturgy_put(struct writer *w, const struct liturgy_entry *e)
{
	writer_u8(w, (uint8_t)((e->signalling ? L_SIGNALLING : 0) | (e->hidden ? L_HIDDEN : 0) |
			       (e->federated ? L_FEDERATED : 0)));
	writer_u8(w, e->listener);
	writer_u8(w, e->number);
	writer_be16(w, e->group);
	writer_be64(w, e->flock.value);
	writer_be32(w, e->device.value);
	record_endpoint_put(w, &e->at);
	writer_be64(w, e->seen_ns);
	writer_be64(w, e->answered_ns);
	rhythm_put(w, &e->rhythm);
	writer_be64(w, e->remembered_ns);
	for (size_t n = 0; n < 4; n++)
		writer_be64(w, e->peers[n]);
}

bool
record_liturgy_get(struct liturgy_entry *ret, struct cursor *c, const struct record_limits *limits)
{
	uint8_t flags = cursor_u8(c);
	struct liturgy_entry e;

	memset(&e, 0, sizeof(e));
	e.listener = cursor_u8(c);
	e.number = cursor_u8(c);
	e.group = cursor_be16(c);
	e.flock.value = cursor_be64(c);
	e.device.value = cursor_be32(c);
	e.at = record_endpoint_get(c);
	e.seen_ns = cursor_be64(c);
	e.answered_ns = cursor_be64(c);
	e.rhythm = rhythm_get(c);
	e.remembered_ns = cursor_be64(c);
	for (size_t n = 0; n < 4; n++)
		e.peers[n] = cursor_be64(c);
	e.signalling = (flags & L_SIGNALLING) != 0;
	e.hidden = (flags & L_HIDDEN) != 0;
	e.federated = (flags & L_FEDERATED) != 0;
	if (!cursor_ok(c) || (flags & ~L_ALL) != 0 || flock_base(e.flock).value == 0 ||
	    e.number < KEK_NUMBER_MIN || e.listener >= limits->listeners || e.at.port == 0 ||
	    !is_past(e.seen_ns, limits) || !is_past(e.answered_ns, limits) ||
	    !rhythm_is_right(&e.rhythm, limits) || !is_past(e.remembered_ns, limits))
		return false;
	*ret = e;
	return true;
}

/* ---- identities ---- */

static bool
is_hint(enum identity_piece piece)
{
	return piece == IDENTITY_AT_ENDPOINT || piece == IDENTITY_AT_ADDRESS;
}

void
record_identity_put(struct writer *w, const struct identity_record *r)
{
	writer_u8(w, (uint8_t)r->piece);
	if (is_hint(r->piece)) {
		record_endpoint_put(w, &r->at);
	} else {
		writer_put(w, r->id, sizeof(r->id));
		writer_be16(w, 0);
	}
	writer_be64(w, r->who.own.value);
	writer_be64(w, r->who.other.value);
	writer_be32(w, r->who.device.value);
	writer_be64(w, r->ns);
}

static bool
is_base(struct flock_id flock)
{
	return flock.value != 0 && flock_domain(flock) == 0;
}

bool
record_identity_get(
    struct identity_record *ret, struct cursor *c, const struct record_limits *limits)
{
	uint8_t piece = cursor_u8(c);
	uint64_t latest_ns = limits->now_ns + SLACK_NS;
	struct identity_record r;
	uint16_t zero = 0;

	memset(&r, 0, sizeof(r));
	if (piece < IDENTITY_PROVEN || piece > IDENTITY_AT_ADDRESS)
		return false;
	r.piece = (enum identity_piece)piece;
	if (is_hint(r.piece)) {
		r.at = record_endpoint_get(c);
	} else {
		cursor_take(c, r.id, sizeof(r.id));
		zero = cursor_be16(c);
	}
	r.who.own.value = cursor_be64(c);
	r.who.other.value = cursor_be64(c);
	r.who.device.value = cursor_be32(c);
	r.ns = cursor_be64(c);
	if (r.piece == IDENTITY_CANDIDATE)
		latest_ns += IDENTITY_CANDIDATE_TTL_NS;
	if (!cursor_ok(c) || zero != 0 || !is_base(r.who.own) || !is_base(r.who.other) ||
	    r.ns > latest_ns || (r.piece == IDENTITY_AT_ADDRESS && r.at.port != 0))
		return false;
	*ret = r;
	return true;
}

/* ---- replays ---- */

void
record_replay_put(struct writer *w, const struct replay_record *r)
{
	writer_put(w, r->mark.bytes, sizeof(r->mark.bytes));
	writer_be64(w, r->mark.flock.value);
	writer_be64(w, r->until_ns);
}

bool
record_replay_get(struct replay_record *ret, struct cursor *c, const struct record_limits *limits)
{
	struct replay_record r;

	memset(&r, 0, sizeof(r));
	cursor_take(c, r.mark.bytes, sizeof(r.mark.bytes));
	r.mark.flock.value = cursor_be64(c);
	r.until_ns = cursor_be64(c);
	/* Flock 0: a letter of another cathedral (relay/letters_read.c). */
	if (!cursor_ok(c) || flock_domain(r.mark.flock) != 0 ||
	    r.until_ns > limits->now_ns + SLACK_NS + REPLAY_TTL_NS)
		return false;
	*ret = r;
	return true;
}

/* ---- budgets ---- */

void
record_budget_put(struct writer *w, const struct budget_record *r)
{
	writer_be32(w, r->month);
	writer_be64(w, r->flock.value);
	writer_be64(w, r->used);
}

/* Of any month: clocks that were wrong are remembered, too. */
bool
record_budget_get(struct budget_record *ret, struct cursor *c, const struct record_limits *limits)
{
	struct budget_record r;

	(void)limits;
	memset(&r, 0, sizeof(r));
	r.month = cursor_be32(c);
	r.flock.value = cursor_be64(c);
	r.used = cursor_be64(c);
	if (!cursor_ok(c) || r.month > MONTH_LAST || flock_domain(r.flock) != 0 || r.used == 0 ||
	    r.used > BUDGET_USED_MAX)
		return false;
	*ret = r;
	return true;
}
