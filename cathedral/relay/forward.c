/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/forward.h"

#include "cathedral/relay/turns.h"
#include "cathedral/relay/unshroud.h"
#include "protocol/wire/header.h"

#include <string.h>

/* receiver_tunnel: as the receiver names the tunnel.  NULL: the two may not talk. */
static const struct ends *
ends_find(
    struct pipeline *p, struct flock_id src, struct flock_id dst, struct tunnel_id receiver_tunnel)
{
	struct tunnel_key key = tunnel_key(dst, src, receiver_tunnel);
	struct ends *e = &p->ends;

	if (e->known && memcmp(&key, &e->receiver_key, sizeof(key)) == 0)
		return e;
	e->receiver_key = key;
	e->sender_key = tunnel_key_reverse(key);
	e->known = registry_parties(p->registry, src, dst, receiver_tunnel, &e->of);
	return e->known ? e : NULL;
}

/* A shroud proves the device; it must be the very end that the packet says it comes from. */
static bool
shroud_proves(const struct packet *pkt, const struct ends *e)
{
	return flock_equal(pkt->who.own, e->of.sender.flock->id) &&
	       flock_equal(pkt->who.other, e->of.receiver.flock->id) &&
	       pkt->who.device.value == e->of.sender.device->id.value;
}

static bool
sender_is_right(struct pipeline *p, const struct packet *pkt, const struct ends *e)
{
	if (pkt->peer != NULL)
		return true;
	if (pkt->shrouded)
		return shroud_proves(pkt, e);
	if (!p->site->options.sender_check)
		return true;
	return tunnels_is_at(p->site->tunnels, &e->sender_key, e->of.sender.device->id, &pkt->from,
	    pkt->listener, p->now.mono_ns);
}

/* Where it goes and under which mask; VERDICT_NONE: it may. */
static enum verdict
direct(
    struct pipeline *p, struct packet *pkt, const struct ends *e, const struct tunnel_route *route)
{
	bool shrouded = p->site->options.listeners[route->listener].shrouded;

	if ((pkt->peer != NULL && route->federated) || endpoint_equal(&pkt->from, &route->at))
		return VERDICT_DROP_LOOP;
	if (shrouded && SHROUD_HEADER_SIZE + pkt->len + 1 > PACKET_MAX)
		return VERDICT_DROP_TOO_LARGE;
	pkt->to = route->at;
	pkt->to_listener = route->listener;
	pkt->below = p->site->options.mtu;
	pkt->to_mask = NULL;
	if (shrouded)
		pkt->to_mask = route->federated ? &registry_federation(p->registry)->mask
						: &e->of.receiver.shroud->mask;
	return VERDICT_NONE;
}

/* Whether the budgets of the month leave room for data: VERDICT_NONE, or a drop. */
static enum verdict
ask_budget(const struct pipeline *p, const struct packet *pkt, const struct ends *e)
{
	struct meter *meters = e->of.sender.flock->meters;

	if (meters == NULL)
		return VERDICT_NONE;
	switch (meter_ask(&meters[p->slot], packet_cost(pkt), p->now.mono_ns)) {
	case METER_GO:
		break;
	case METER_SLOW:
		return VERDICT_DROP_BUDGET_SLOW;
	case METER_STOP:
		return VERDICT_DROP_BUDGET;
	}
	return VERDICT_NONE;
}

/* It counts for who sends it. */
static enum verdict
send_on(struct pipeline *p, struct packet *pkt, const struct ends *e, bool federated)
{
	if (p->turns != NULL && turns_wait(p, pkt, &e->receiver_key, federated))
		return VERDICT_QUEUED;
	if (e->of.sender.flock->meters != NULL)
		meter_count(&e->of.sender.flock->meters[p->slot], packet_cost(pkt));
	stats_add(&p->stats->relayed_bytes, pkt->len);
	outbox_relay(p->outbox, pkt);
	return VERDICT_RELAYED;
}

static enum verdict
send_data(
    struct pipeline *p, struct packet *pkt, const struct ends *e, const struct tunnel_route *route)
{
	enum verdict v = direct(p, pkt, e, route);

	if (v == VERDICT_NONE)
		v = ask_budget(p, pkt, e);
	return v == VERDICT_NONE ? send_on(p, pkt, e, route->federated) : v;
}

enum verdict
forward_data(struct pipeline *p, struct packet *pkt)
{
	struct data_header h;
	struct tunnel_route route;
	const struct registry_device *receiver;
	const struct ends *e;

	if (!data_header_decode(&h, pkt->head, pkt->len))
		return VERDICT_DROP_SIZE;
	e = ends_find(p, h.flock_src, h.flock_dst, spi_tunnel(h.spi));
	if (e == NULL)
		return VERDICT_DROP_NOT_ALLOWED;
	if (!sender_is_right(p, pkt, e))
		return VERDICT_DROP_SENDER;
	receiver = e->of.receiver.device;
	switch (tunnels_route(p->site->tunnels, &e->receiver_key, receiver->id, h.spi,
	    receiver->mbit, pkt->len, p->now.mono_ns, &route)) {
	case ROUTE_OK:
		return send_data(p, pkt, e, &route);
	case ROUTE_ABSENT:
		return VERDICT_DROP_NO_TUNNEL;
	case ROUTE_SPI:
		return VERDICT_DROP_SPI;
	case ROUTE_CAP:
		break;
	}
	return VERDICT_DROP_CAP;
}

struct learn {
	const struct packet *pkt;
	bool checked; /* the sender's address must be the tunnel's */
	uint32_t spi;
	uint64_t now_ns;
	bool wrong_sender, learned;
};

/* Whether the packet came from where the tunnel is: at its device, or at its cathedral. */
static bool
is_there(const struct tunnel *t, const struct packet *pkt)
{
	return t->federated == (pkt->peer != NULL) && t->listener == pkt->listener &&
	       endpoint_equal(&t->at, &pkt->from);
}

static void
learn_change(struct tunnel *t, bool created, void *arg)
{
	struct learn *l = arg;
	bool there = is_there(t, l->pkt);

	(void)created;
	l->wrong_sender = l->checked && !there;
	/* An SPI is believed only from there, or under the device's own shroud. */
	if (!there && (l->pkt->peer != NULL || !l->pkt->shrouded))
		return;
	if (l->spi == t->rx_active || l->spi == t->rx_pending)
		return;
	l->learned = t->rx_learned != l->spi;
	t->rx_learned = l->spi;
	t->learned_ns = l->now_ns;
}

/* The sender's tunnel must be known; it listens from now on to the SPI that it announces. */
static enum verdict
sacrament_learn(struct pipeline *p, const struct packet *pkt, const struct ends *e, uint32_t spi)
{
	struct learn l = {
		.pkt = pkt,
		.checked = pkt->peer == NULL && !pkt->shrouded && p->site->options.sender_check,
		.spi = spi,
		.now_ns = p->now.mono_ns,
	};

	if (tunnels_change(p->site->tunnels, &e->sender_key, e->of.sender.device->id, false,
		p->now.mono_ns, learn_change, &l) != TUNNELS_OK)
		return VERDICT_DROP_NO_TUNNEL;
	if (l.wrong_sender)
		return VERDICT_DROP_SENDER;
	stats_add(&p->stats->spi_learned, l.learned);
	return VERDICT_RELAYED;
}

enum verdict
forward_sacrament(struct pipeline *p, struct packet *pkt)
{
	struct sacrament_header h;
	struct tunnel reverse;
	struct tunnel_route route;
	const struct ends *e;
	enum verdict v;

	if (!sacrament_header_decode(&h, pkt->head, pkt->len))
		return VERDICT_DROP_SIZE;
	e = ends_find(p, h.flock_src, h.flock_dst, tunnel_reverse(spi_tunnel(h.spi)));
	if (e == NULL)
		return VERDICT_DROP_NOT_ALLOWED;
	if (pkt->peer == NULL && pkt->shrouded && !shroud_proves(pkt, e))
		return VERDICT_DROP_SENDER;
	if (!tunnels_find(p->site->tunnels, &e->receiver_key, p->now.mono_ns, &reverse) ||
	    reverse.device.value != e->of.receiver.device->id.value)
		return VERDICT_DROP_NO_TUNNEL;
	v = sacrament_learn(p, pkt, e, h.spi);
	if (v != VERDICT_RELAYED)
		return v;
	route = (struct tunnel_route){ reverse.at, reverse.listener, reverse.federated };
	/* However little is left: without keys devices could not talk past us, either. */
	v = direct(p, pkt, e, &route);
	return v == VERDICT_NONE ? send_on(p, pkt, e, route.federated) : v;
}
