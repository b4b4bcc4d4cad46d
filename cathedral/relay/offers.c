/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/offers.h"

#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <string.h>

enum verdict
offers_table_verdict(enum tunnels_result result)
{
	switch (result) {
	case TUNNELS_OK:
		return VERDICT_CONSUMED;
	case TUNNELS_ABSENT:
		return VERDICT_DROP_NO_TUNNEL;
	case TUNNELS_FULL:
		return VERDICT_DROP_TABLE_FULL;
	case TUNNELS_QUOTA:
		break;
	}
	return VERDICT_DROP_QUOTA;
}

/* A liturgy goes to no flock: the base part of its destination is 0. */
static bool
to_no_flock(const struct offer_header *h)
{
	return flock_base(h->flock_dst).value == 0;
}

/* Who sent it and to whom; under a shroud, that must be the one whose shroud it is. */
static enum verdict
find_party(struct pipeline *p, const struct packet *pkt, struct opened *ret)
{
	const struct offer_header *h = &ret->header;
	struct device_id device = { h->spi };
	bool liturgy = to_no_flock(h);

	/* Its domain, if it names one at all, is the sender's. */
	if (liturgy && h->flock_dst.value != 0 &&
	    flock_domain(h->flock_dst) != flock_domain(h->flock_src))
		return VERDICT_DROP_NOT_ALLOWED;
	ret->other = liturgy ? h->flock_src : h->flock_dst;
	if (!registry_party(p->registry, h->flock_src, ret->other, device, &ret->party))
		return VERDICT_DROP_NOT_ALLOWED;
	if (pkt->peer != NULL || !pkt->shrouded)
		return VERDICT_CONSUMED;
	if (!flock_equal(pkt->who.own, flock_base(h->flock_src)) ||
	    !flock_equal(pkt->who.other, flock_base(ret->other)) || pkt->who.device.value != h->spi)
		return VERDICT_DROP_SENDER;
	return VERDICT_CONSUMED;
}

/* The KEK number in it must be the one that its device has. */
static enum verdict
check_number(const struct opened *o)
{
	uint8_t own = o->party.device->kek_number;
	bool right = false;

	switch (o->offer.type) {
	case OFFER_INFO:
		right = tunnel_own(o->offer.info.tunnel) == own;
		break;
	case OFFER_P2P_INFO:
		right = tunnel_own(o->offer.p2p.tunnel) == own;
		break;
	case OFFER_LITURGY:
		right = o->offer.liturgy.id == own;
		break;
	case OFFER_AMBRY:
	case OFFER_REMEMBRANCE:
	case OFFER_EXCHANGE:
		return VERDICT_DROP_BAD_TYPE;
	}
	return right ? VERDICT_CONSUMED : VERDICT_DROP_NOT_ALLOWED;
}

static enum verdict
check_data(struct pipeline *p, struct opened *ret)
{
	if (!offer_data_decode(&ret->offer, ret->envelope.data))
		return VERDICT_DROP_BAD_TYPE;
	if (!offer_fresh(ret->offer.timestamp, p->now.wall_s))
		return VERDICT_DROP_STALE;
	return check_number(ret);
}

/* What is inside, as far as it costs no more than opening it. */
static enum verdict
open_sealed(
    struct pipeline *p, const struct packet *pkt, const struct offer_key *key, struct opened *ret)
{
	if (!envelope_open(&ret->envelope, pkt->head, pkt->len, key))
		return VERDICT_DROP_BAD_SEAL;
	return check_data(p, ret);
}

/*
 * Nobody is where a cathedral is: packets for such a tunnel would go round between cathedrals, or
 * from this one to itself, for ever.
 */
static bool
is_cathedral(const struct pipeline *p, const struct endpoint *at)
{
	const struct site_options *o = &p->site->options;
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	for (size_t n = 0; n < o->listener_count; n++) {
		const struct listener *l = &o->listeners[n];
		bool own_ip =
		    endpoint_same_ip(at, &l->main) || endpoint_same_ip(at, &l->advertised);

		if (own_ip && (at->port == l->main.port || at->port == l->nat_port))
			return true;
	}
	for (size_t n = 0; n < count; n++) {
		const struct registry_peer *peer = &peers[n];

		if (endpoint_same_ip(at, &peer->at) &&
		    (at->port == peer->at.port || at->port == peer->clear_port ||
			at->port == peer->shroud_port))
			return true;
	}
	return false;
}

enum verdict
offers_admit(struct pipeline *p, const struct replay_mark *mark)
{
	switch (replay_admit(p->site->replay, mark, p->now.mono_ns)) {
	case REPLAY_NEW:
		return VERDICT_CONSUMED;
	case REPLAY_SEEN:
		return VERDICT_DROP_REPLAY;
	case REPLAY_QUOTA:
		return VERDICT_DROP_QUOTA;
	case REPLAY_FULL:
		break;
	}
	return VERDICT_DROP_REPLAY_FULL;
}

static bool
within_rate(struct pipeline *p, const struct opened *o)
{
	struct {
		struct flock_id flock;
		struct device_id device;
		uint32_t zero;
	} who = { o->party.flock->id, o->party.device->id, 0 };

	return limiter_allow(p->limiter, &who, sizeof(who), p->now.mono_ns);
}

enum verdict
offers_open_device(struct pipeline *p, const struct packet *pkt, struct opened *ret)
{
	struct offer_key key;
	struct replay_mark mark;
	enum verdict v;

	if (pkt->peer != NULL)
		return VERDICT_DROP_BAD_TYPE;
	if (is_cathedral(p, &pkt->from))
		return VERDICT_DROP_SENDER;
	if (!offer_header_decode(&ret->header, pkt->head, pkt->len))
		return VERDICT_DROP_SIZE;
	v = find_party(p, pkt, ret);
	if (v != VERDICT_CONSUMED)
		return v;
	offer_key_device(&key, &ret->party.device->cs, ret->header.seed, ret->header.flock_src);
	v = open_sealed(p, pkt, &key, ret);
	secret_wipe(&key, sizeof(key));
	if (v != VERDICT_CONSUMED)
		return v;
	if (to_no_flock(&ret->header) != (ret->offer.type == OFFER_LITURGY) ||
	    ret->offer.type == OFFER_P2P_INFO)
		return VERDICT_DROP_BAD_TYPE;

	mark = replay_mark(p->site->replay, &ret->header);
	if (replay_seen(p->site->replay, &mark, p->now.mono_ns))
		return VERDICT_DROP_REPLAY;
	if (!within_rate(p, ret))
		return VERDICT_DROP_DEVICE_LIMIT;
	if (!envelope_verify(&ret->envelope, &ret->party.device->cosk))
		return VERDICT_DROP_BAD_SIGNATURE;
	v = offers_admit(p, &mark);
	if (v == VERDICT_CONSUMED && pkt->shrouded)
		identities_prove(
		    p->site->identities, pkt->shown, &pkt->who, &pkt->from, p->now.mono_ns);
	return v;
}

/* A p2p info is the cathedral's own word: its seal is all there is. */
static bool
is_vouched_for(const struct opened *o)
{
	return o->offer.type == OFFER_P2P_INFO ||
	       envelope_verify(&o->envelope, &o->party.device->cosk);
}

enum verdict
offers_open_catacomb(struct pipeline *p, const struct packet *pkt, struct opened *ret)
{
	struct offer_key key;
	struct replay_mark mark;
	enum verdict v;

	if (!offer_header_decode(&ret->header, pkt->head, pkt->len))
		return VERDICT_DROP_SIZE;
	v = find_party(p, pkt, ret);
	if (v != VERDICT_CONSUMED)
		return v;
	offer_key_catacomb(&key, &registry_federation(p->registry)->secret, ret->header.seed,
	    ret->header.flock_src);
	v = open_sealed(p, pkt, &key, ret);
	secret_wipe(&key, sizeof(key));
	if (v != VERDICT_CONSUMED)
		return v;
	mark = replay_mark(p->site->replay, &ret->header);
	if (replay_seen(p->site->replay, &mark, p->now.mono_ns))
		return VERDICT_DROP_REPLAY;
	if (!is_vouched_for(ret))
		return VERDICT_DROP_BAD_SIGNATURE;
	return offers_admit(p, &mark);
}

enum verdict
offers_check_told(struct pipeline *p, const struct packet *pkt, struct opened *o)
{
	enum verdict v = find_party(p, pkt, o);

	if (v == VERDICT_CONSUMED)
		v = check_data(p, o);
	if (v == VERDICT_CONSUMED && !is_vouched_for(o))
		v = VERDICT_DROP_BAD_SIGNATURE;
	return v;
}
