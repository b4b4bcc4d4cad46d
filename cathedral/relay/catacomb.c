/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/catacomb.h"

#include "cathedral/relay/info.h"
#include "cathedral/relay/offers.h"
#include "protocol/crypto/kdf.h"
#include "protocol/crypto/secret.h"

#include <string.h>

/* ---- telling ---- */

/* Sealed once; each cathedral's copy gets a shroud of its own. */
static void
tell_all(struct pipeline *p, const struct offer_header *header, const struct envelope *e)
{
	const struct registry_federation *f = registry_federation(p->registry);
	uint8_t sealed[OFFER_SIZE];
	struct offer_key key;
	size_t count;
	const struct registry_peer *peers = registry_peers(p->registry, &count);

	offer_key_catacomb(&key, &f->secret, header->seed, header->flock_src);
	envelope_seal(sealed, header, e, &key);
	secret_wipe(&key, sizeof(key));
	for (size_t n = 0; n < count; n++) {
		struct packet *pkt = outbox_answer(p->outbox);

		memcpy(pkt->head, sealed, sizeof(sealed));
		pkt->len = sizeof(sealed);
		pkt->to = peers[n].at;
		pkt->to_listener = 0;
		pkt->to_mask = p->site->options.listeners[0].shrouded ? &f->mask : NULL;
		pkt->below = p->site->options.mtu;
	}
	stats_add(&p->stats->federated_out, count);
}

static bool
nobody_to_tell(const struct pipeline *p)
{
	size_t count;

	registry_peers(p->registry, &count);
	return count == 0 || !registry_federation(p->registry)->present;
}

void
catacomb_tell(struct pipeline *p, const struct envelope *e, struct flock_id src,
    struct flock_id dst, struct device_id device)
{
	struct offer_header header = {
		.magic = MAGIC_CATACOMB,
		.flock_src = src,
		.flock_dst = dst,
		.spi = device.value,
	};

	if (nobody_to_tell(p))
		return;
	random_bytes(&p->random, header.seed, sizeof(header.seed));
	tell_all(p, &header, e);
}

void
catacomb_tell_p2p(struct pipeline *p, const struct tunnel_key *key, struct device_id device,
    const struct endpoint *at, bool usable)
{
	struct offer o = { .type = OFFER_P2P_INFO, .timestamp = (uint64_t)p->now.wall_s };
	struct envelope e;

	if (nobody_to_tell(p))
		return;
	o.p2p.tunnel.value = key->id;
	if (p->site->options.p2p_sync && endpoint_is_ipv4(at)) {
		endpoint_ipv4(at, o.p2p.ip);
		o.p2p.port = at->port;
		o.p2p.flags = usable ? P2P_USABLE : 0;
	}
	envelope_unsigned(&e, &o, &p->random);
	catacomb_tell(p, &e, key->src, key->dst, device);
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

static enum verdict
hear_p2p(struct pipeline *p, const struct packet *pkt, const struct opened *o)
{
	struct p2p_change change = { &pkt->from, &o->offer.p2p };
	struct tunnel_key key =
	    tunnel_key(o->header.flock_src, o->header.flock_dst, o->offer.p2p.tunnel);

	if (p->site->options.p2p_sync)
		tunnels_change(p->site->tunnels, &key, o->party.device->id, false, p->now.mono_ns,
		    p2p_change, &change);
	return VERDICT_CONSUMED;
}

static enum verdict
catacomb_hear(struct pipeline *p, const struct packet *pkt)
{
	struct opened o;
	enum verdict v = offers_open_catacomb(p, pkt, &o);

	if (v != VERDICT_CONSUMED)
		return v;
	switch (o.offer.type) {
	case OFFER_INFO:
		return hear_info(p, pkt, &o);
	case OFFER_LITURGY:
		return hear_liturgy(p, pkt, &o);
	case OFFER_P2P_INFO:
		return hear_p2p(p, pkt, &o);
	case OFFER_AMBRY:
	case OFFER_REMEMBRANCE:
	case OFFER_EXCHANGE:
		break;
	}
	return VERDICT_DROP_BAD_TYPE;
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
	atomic_store_explicit(&pkt->peer->stats->heard_ns, p->now.mono_ns, memory_order_relaxed);
	stats_add(&p->stats->federated_in, 1);
	return v;
}
