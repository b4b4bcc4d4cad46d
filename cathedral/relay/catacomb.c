/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/catacomb.h"

#include "cathedral/relay/info.h"
#include "cathedral/relay/letters.h"
#include "cathedral/relay/offers.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <string.h>

/* ---- telling ---- */

static bool
is_meant(const struct pipeline *p, const struct registry_peer *peer, enum tell tell)
{
	return tell != TELL_LATE || peer_is_late(peer->stats, p->now.mono_ns);
}

static void
seal(struct pipeline *p, uint8_t out[static OFFER_SIZE], const struct announcement *a)
{
	struct offer_header header = {
		.magic = MAGIC_CATACOMB,
		.flock_src = a->src,
		.flock_dst = a->dst,
		.spi = a->device.value,
	};
	struct offer_key key;

	random_bytes(&p->random, header.seed, sizeof(header.seed));
	offer_key_catacomb(
	    &key, &registry_federation(p->registry)->secret, header.seed, header.flock_src);
	envelope_seal(out, &header, a->envelope, &key);
	secret_wipe(&key, sizeof(key));
}

static void
count(struct stats *stats, enum tell tell)
{
	switch (tell) {
	case TELL_CHANGE:
		stats_add(&stats->told_changes, 1);
		break;
	case TELL_AGAIN:
		stats_add(&stats->told_again, 1);
		break;
	case TELL_REFRESH:
		stats_add(&stats->told_refreshes, 1);
		break;
	case TELL_LATE:
		stats_add(&stats->told_late, 1);
		break;
	case TELL_NOBODY:
		break;
	}
}

/*
 * By letter to those who read letters, as an offer of its own to the others: sealed once, each
 * cathedral's copy under a shroud of its own.
 */
void
catacomb_tell(struct pipeline *p, const struct announcement *a)
{
	size_t peer_count, told = 0;
	const struct registry_peer *peers = registry_peers(p->registry, &peer_count);
	uint8_t sealed[OFFER_SIZE];
	bool by_letter = false;

	if (peer_count == 0 || !registry_federation(p->registry)->present)
		return;
	for (size_t n = 0; n < peer_count; n++) {
		if (!is_meant(p, &peers[n], a->tell))
			continue;
		if (peer_speaks(peers[n].stats, p->now.mono_ns)) {
			by_letter = true;
			continue;
		}
		if (told++ == 0)
			seal(p, sealed, a);
		memcpy(catacomb_packet(p, &peers[n], sizeof(sealed))->head, sealed, sizeof(sealed));
	}
	count(p->stats, a->tell);
	stats_add(&p->stats->federated_out, told);
	if (by_letter)
		letters_add(p, a);
}

struct packet *
catacomb_packet(struct pipeline *p, const struct registry_peer *peer, size_t len)
{
	struct packet *pkt = outbox_answer(p->outbox);

	pkt->len = len;
	pkt->to = peer->at;
	pkt->to_listener = 0;
	pkt->to_mask =
	    p->site->options.listeners[0].shrouded ? &registry_federation(p->registry)->mask : NULL;
	pkt->below = p->site->options.mtu;
	return pkt;
}

void
catacomb_tell_p2p(struct pipeline *p, const struct announcement *info, const struct place *place)
{
	struct offer o = { .type = OFFER_P2P_INFO, .timestamp = (uint64_t)p->now.wall_s };
	struct announcement a = *info;
	struct envelope e;

	/* Nothing is told of it that could have been lost. */
	if (!p->site->options.p2p_sync && info->tell == TELL_REFRESH)
		return;
	o.p2p.tunnel.value = info->tunnel->id;
	if (p->site->options.p2p_sync && endpoint_is_ipv4(place->at)) {
		endpoint_ipv4(place->at, o.p2p.ip);
		o.p2p.port = place->at->port;
		o.p2p.flags = place->usable ? P2P_USABLE : 0;
	}
	envelope_unsigned(&e, &o, &p->random);
	a.envelope = &e;
	a.is_signed = false;
	catacomb_tell(p, &a);
}

struct rhythm_terms
catacomb_rhythm(struct pipeline *p)
{
	struct rhythm_terms terms = {
		.refresh_ns = p->site->options.refresh_s * NS_PER_S,
		.draw = random_u64(&p->random),
	};
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	for (size_t n = 0; n < count && !terms.late; n++)
		terms.late = peer_is_late(peers[n].stats, p->now.mono_ns);
	return terms;
}

/* ---- being told ---- */

static void
info_change(struct tunnel *t, bool created, void *arg)
{
	info_federated(t, created, arg);
}

static enum verdict
hear_info(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	struct tunnel_key key =
	    tunnel_key(o->header.flock_src, o->header.flock_dst, o->offer.info.tunnel);
	struct info_facts facts = {
		.info = &o->offer.info,
		.said_s = o->offer.timestamp,
		.from = pkt->from,
		.listener = 0,
		.now_ns = p->now.mono_ns,
	};

	return offers_table_verdict(tunnels_change(p->site->tunnels, &key, o->party.device->id,
	    true, p->now.mono_ns, info_change, &facts));
}

static enum verdict
hear_liturgy(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	struct liturgy_outcome ignored;
	struct liturgy_heard heard = {
		.flock = o->header.flock_src,
		.device = o->party.device->id,
		.liturgy = &o->offer.liturgy,
		.said_s = o->offer.timestamp,
		.from = pkt->from,
		.listener = 0,
		.federated = true,
		.now_ns = p->now.mono_ns,
	};

	if (!liturgies_hear(p->site->liturgies, &heard, &ignored))
		return ignored.quota ? VERDICT_DROP_QUOTA : VERDICT_DROP_TABLE_FULL;
	return VERDICT_CONSUMED;
}

struct p2p_change {
	const struct endpoint *cathedral;
	const struct p2p_info *p2p;
};

static void
p2p_change(struct tunnel *t, bool created, void *arg)
{
	const struct p2p_change *c = arg;

	(void)created;
	info_p2p(t, c->cathedral, c->p2p);
}

/* Should it come here one day, under an identity that nobody knows, it will be from there. */
static void
expect(struct pipeline *p, const struct opened *o)
{
	const struct p2p_info *p2p = &o->offer.p2p;
	struct identity who = { flock_base(o->header.flock_src), flock_base(o->header.flock_dst),
		o->party.device->id, 0 };
	struct endpoint at = endpoint_from_ipv4(p2p->ip, p2p->port);

	if (p2p->port != 0 && site_has_shroud(p->site))
		identities_expect(p->site->identities, &who, &at, p->now.mono_ns);
}

static enum verdict
hear_p2p(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	struct p2p_change change = { &pkt->from, &o->offer.p2p };
	struct tunnel_key key =
	    tunnel_key(o->header.flock_src, o->header.flock_dst, o->offer.p2p.tunnel);

	if (!p->site->options.p2p_sync)
		return VERDICT_CONSUMED;
	tunnels_change(p->site->tunnels, &key, o->party.device->id, false, p->now.mono_ns,
	    p2p_change, &change);
	expect(p, o);
	return VERDICT_CONSUMED;
}

enum verdict
catacomb_believe(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	switch (o->offer.type) {
	case OFFER_INFO:
		return hear_info(p, pkt, o);
	case OFFER_LITURGY:
		return hear_liturgy(p, pkt, o);
	case OFFER_P2P_INFO:
		return hear_p2p(p, pkt, o);
	case OFFER_AMBRY:
	case OFFER_REMEMBRANCE:
	case OFFER_EXCHANGE:
		break;
	}
	return VERDICT_DROP_BAD_TYPE;
}

static enum verdict
catacomb_hear(struct pipeline *p, const struct packet *pkt)
{
	struct opened o;
	enum verdict v = offers_open_catacomb(p, pkt, &o);

	return v == VERDICT_CONSUMED ? catacomb_believe(p, pkt, &o) : v;
}

enum verdict
catacomb_handle(struct pipeline *p, struct packet *pkt)
{
	enum verdict v;

	if (pkt->peer == NULL || !registry_federation(p->registry)->present)
		return VERDICT_DROP_STRANGER;
	v = catacomb_hear(p, pkt);
	if (v != VERDICT_CONSUMED) {
		atomic_fetch_add_explicit(&pkt->peer->stats->offers_bad, 1, memory_order_relaxed);
		return v;
	}
	atomic_fetch_add_explicit(&pkt->peer->stats->offers_in, 1, memory_order_relaxed);
	peer_heard_plain(pkt->peer->stats, p->now.mono_ns);
	stats_add(&p->stats->federated_in, 1);
	return v;
}
