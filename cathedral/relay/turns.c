/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/turns.h"

#include "cathedral/relay/share.h"

#include <stdlib.h>

#define TURN_NS    NS_PER_MS        /* how often what waits is looked at */
#define ABSENCE_NS (5 * NS_PER_MS)  /* for longer than that nothing is saved up */
#define QUEUE_NS   (50 * NS_PER_MS) /* of the whole rate has room to wait */
#define ROOM_MIN   131072           /* and always so many bytes, for a crowd on a slow line */

struct turns {
	struct share *share;
	struct egress *egress;
	struct waiters *waiters;
	unsigned worker;   /* as the waiters know it */
	uint64_t seen_ns;  /* when its part was counted last */
	int64_t credit_ns; /* of that: time on the line, below 0 when it took more */
	int64_t left;      /* bytes, for this batch */
	int64_t granted;   /* the same at its beginning */
	uint64_t due_ns;
};

struct turns *
turns_create(struct egress *egress, struct waiters *waiters, unsigned worker, struct random *seed)
{
	struct turns *t = calloc(1, sizeof(*t));
	size_t room = (size_t)egress_bytes(egress, QUEUE_NS);

	if (t == NULL)
		return NULL;
	room = room < ROOM_MIN ? ROOM_MIN : room;
	room = room > SHARE_ROOM_MAX ? SHARE_ROOM_MAX : room;
	t->egress = egress;
	t->waiters = waiters;
	t->worker = worker;
	t->due_ns = UINT64_MAX;
	t->share = share_create(room, hash_key_new(seed), waiters, worker);
	if (t->share != NULL)
		return t;
	free(t);
	return NULL;
}

void
turns_destroy(struct turns *t)
{
	if (t == NULL)
		return;
	share_destroy(t->share);
	free(t);
}

uint64_t
turns_due_ns(const struct turns *t)
{
	return t->due_ns;
}

/* ---- how much ---- */

/*
 * Its part of the time that passed is as large as its part of the flocks that wait; where none does
 * here it counts as one.
 */
static void
count_credit(struct turns *t, uint64_t now_ns)
{
	uint64_t passed = now_ns > t->seen_ns ? now_ns - t->seen_ns : 0;
	uint64_t own = waiters_weight(t->waiters, t->worker), all = waiters_total(t->waiters);
	uint64_t others = all > own ? all - own : 0;

	if (passed > ABSENCE_NS)
		passed = ABSENCE_NS;
	if (own == 0)
		own = WAITERS_WHOLE;
	t->seen_ns = now_ns;
	t->credit_ns += (int64_t)(passed * own / (own + others));
	if (t->credit_ns > (int64_t)EGRESS_BURST_NS)
		t->credit_ns = EGRESS_BURST_NS;
	if (t->credit_ns < -(int64_t)EGRESS_DEBT_NS)
		t->credit_ns = -(int64_t)EGRESS_DEBT_NS;
}

/* Its own part; and beyond it what others have left lying for a millisecond. */
static void
count_left(struct turns *t, uint64_t now_ns)
{
	int64_t left_ns = egress_left_ns(t->egress, now_ns);
	int64_t spare_ns = left_ns - (int64_t)(EGRESS_BURST_NS / 2), most;

	count_credit(t, now_ns);
	most = t->credit_ns > spare_ns ? t->credit_ns : spare_ns;
	t->left = t->granted = egress_bytes(t->egress, left_ns < most ? left_ns : most);
}

/* ---- out ---- */

/* What was allowed when it came may not be any more, and keys are those of now. */
static bool
mask_find(const struct pipeline *p, const struct parcel *parcel, const struct kmac_prefix **ret)
{
	struct party receiver;

	*ret = NULL;
	if (!registry_party_by_kek(p->registry, parcel->key.src, parcel->key.dst,
		tunnel_own((struct tunnel_id){ parcel->key.id }), &receiver))
		return false;
	if (!parcel->shrouded)
		return true;
	if (parcel->federated && registry_federation(p->registry) != NULL)
		*ret = &registry_federation(p->registry)->mask;
	else if (!parcel->federated && receiver.shroud != NULL)
		*ret = &receiver.shroud->mask;
	return *ret != NULL;
}

static void
send_parcel(struct pipeline *p, struct packet *pkt, const struct parcel *parcel)
{
	const struct registry_flock *sender = registry_flock_find(p->registry, parcel->key.dst);

	pkt->len = parcel->len;
	pkt->to = parcel->to;
	pkt->to_listener = parcel->listener;
	pkt->below = p->site->options.mtu;
	if (sender != NULL && sender->meters != NULL)
		meter_count(&sender->meters[p->slot], parcel->cost);
	stats_add(&p->stats->relayed_bytes, parcel->len);
	stats_add(&p->stats->waited_sent, 1);
}

/* Into a packet that is taken back where it may not go any more. */
static bool
send_next(struct pipeline *p, uint16_t *cost)
{
	const struct kmac_prefix *mask;
	struct parcel parcel;
	uint8_t bytes[PACKET_MAX];
	struct packet *pkt;

	if (!share_take(p->turns->share, &parcel, bytes))
		return false;
	*cost = parcel.cost;
	if (!mask_find(p, &parcel, &mask)) {
		*cost = 0;
		stats_add(&p->stats->waited_dropped, 1);
		return true;
	}
	pkt = outbox_answer(p->outbox);
	memcpy(pkt->head, bytes, parcel.len);
	pkt->to_mask = mask;
	send_parcel(p, pkt, &parcel);
	return true;
}

void
turns_begin(struct pipeline *p)
{
	struct turns *t = p->turns;
	uint16_t cost;

	count_left(t, p->now.mono_ns);
	while (t->left > 0 && send_next(p, &cost))
		t->left -= cost;
}

void
turns_clear(struct pipeline *p)
{
	uint16_t cost;

	while (send_next(p, &cost))
		p->turns->left -= cost;
}

/* ---- in ---- */

bool
turns_wait(
    struct pipeline *p, const struct packet *pkt, const struct tunnel_key *receiver, bool federated)
{
	struct turns *t = p->turns;
	const struct parcel parcel = {
		.key = *receiver,
		.to = pkt->to,
		.len = (uint16_t)pkt->len,
		.cost = (uint16_t)packet_cost(pkt),
		.listener = pkt->to_listener,
		.federated = federated,
		.shrouded = pkt->to_mask != NULL,
	};

	if (t->left > 0 && share_waiting(t->share) == 0) {
		t->left -= parcel.cost;
		return false;
	}
	stats_add(&p->stats->waited_dropped, share_put(t->share, &parcel, pkt->head));
	return true;
}

void
turns_end(struct pipeline *p)
{
	struct turns *t = p->turns;
	int64_t taken = t->granted - t->left;

	if (taken > 0)
		t->credit_ns -= (int64_t)egress_time_ns(t->egress, (uint64_t)taken);
	t->granted = t->left;
	t->due_ns = share_waiting(t->share) == 0 ? UINT64_MAX : p->now.mono_ns + TURN_NS;
}
