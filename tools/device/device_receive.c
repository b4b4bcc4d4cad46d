/* SPDX-License-Identifier: ISC */
/* What a device makes of what arrives, and what it refuses. */
#include "tools/device/device.h"

#include "protocol/crypto/secret.h"
#include "protocol/crypto/shroud.h"
#include "protocol/envelope.h"
#include "protocol/wrapping.h"

#include <string.h>

/* Base key between the two ends of a tunnel themselves; no cathedral ever needs it. */
#define PEER_SHROUD_LABEL "SANCTUM.SHROUD.KEY"

static const char *const names[DEVICE_EVENT_KINDS] = {
	[DEVICE_INFO] = "info",
	[DEVICE_AMBRY] = "ambry",
	[DEVICE_LITURGY] = "liturgy",
	[DEVICE_REMEMBRANCE] = "remembrance",
	[DEVICE_DATA] = "data",
	[DEVICE_SACRAMENT] = "sacrament",
	[DEVICE_WRONG_SOURCE] = "wrong source",
	[DEVICE_BAD_SHROUD] = "bad shroud",
	[DEVICE_BAD_KIND] = "bad kind",
	[DEVICE_BAD_SEAL] = "bad seal",
	[DEVICE_WRONG_ID] = "wrong id",
	[DEVICE_STALE] = "stale",
	[DEVICE_BAD_OFFER] = "bad offer",
	[DEVICE_WRONG_TUNNEL] = "wrong tunnel",
	[DEVICE_WRONG_SPI] = "wrong spi",
};

const char *
device_event_name(enum device_event_kind kind)
{
	return names[kind];
}

/* A packet without its shroud. */
struct plain {
	const uint8_t *at;
	size_t len;
};

/* Whether unmasked bytes can be what this mask was put on: masks do not say so themselves. */
static bool
makes_sense(const struct device *d, const uint8_t *at, size_t len)
{
	const struct device_config *c = &d->config;
	struct data_header h;

	switch (wire_kind(at, len)) {
	case WIRE_KATEDRAL:
	case WIRE_CIBORIUM:
	case WIRE_CATACOMB:
	case WIRE_SACRAMNT:
		return true;
	case WIRE_DATA:
		/* A wrong domain is told apart later. */
		return data_header_decode(&h, at, len) &&
		       flock_equal(flock_base(h.flock_src), flock_base(c->flock_dst)) &&
		       flock_equal(flock_base(h.flock_dst), flock_base(c->flock));
	case WIRE_LETTER:
	case WIRE_UNKNOWN:
		break;
	}
	return false;
}

/* Unmasks in place with one key; puts the mask back when that was not the one. */
static bool
unmask(const struct device *d, const struct kmac_prefix *key, uint8_t *bytes, struct plain *p)
{
	uint8_t *body = bytes + SHROUD_HEADER_SIZE;
	size_t masked = p->len - SHROUD_HEADER_SIZE, len;
	struct kmac_job job = shroud_job(key, bytes, body, masked);

	kmac_mask(&job, 1);
	len = shroud_unpadded(body, masked);
	if (makes_sense(d, body, len)) {
		*p = (struct plain){ body, len };
		return true;
	}
	kmac_mask(&job, 1);
	return false;
}

static bool
unshroud(const struct device *d, uint8_t *bytes, struct plain *p, bool direct)
{
	if (!d->config.shroud)
		return true;
	if (p->len <= SHROUD_HEADER_SIZE || p->len > PACKET_MAX)
		return false;
	if (direct)
		return d->has_secret && unmask(d, &d->peer_mask, bytes, p);
	if (unmask(d, &d->mask[DEVICE_SHROUD_PAIR], bytes, p))
		return true;
	return !flock_equal(flock_base(d->config.flock), flock_base(d->config.flock_dst)) &&
	       unmask(d, &d->mask[DEVICE_SHROUD_OWN], bytes, p);
}

static void
info_taken(struct device *d, const struct info *i, struct device_event *ev)
{
	static const uint8_t nowhere[4];

	ev->kind = DEVICE_INFO;
	ev->info.peer = endpoint_from_ipv4(i->peer_ip, i->peer_port);
	ev->info.local = endpoint_from_ipv4(i->local_ip, i->local_port);
	ev->info.same_address = (i->flags & INFO_SAME_ADDRESS) != 0;
	/* A cathedral that is reached over IPv6 may have no IPv4 address to give. */
	ev->info.relayed = i->peer_port == 0 || memcmp(i->peer_ip, nowhere, sizeof(nowhere)) == 0 ||
			   endpoint_equal(&ev->info.peer, device_cathedral(d));
	d->has_peer = !ev->info.relayed;
	d->peer = ev->info.peer;
}

static bool
ambry_open(const struct device *d, const struct ambry *a, struct tunnel_secret *secret)
{
	const struct device_config *c = &d->config;
	struct bundle_head head = { .expires = a->expires, .generation = a->generation };
	struct ambry_place place = {
		.flock_src = flock_base(c->flock),
		.flock_dst = flock_base(c->flock_dst),
		.tunnel = a->tunnel,
	};
	struct kek_unwrap_key k1;
	bool opened;

	if (!d->keys.has_kek)
		return false;
	memcpy(head.seed, a->seed, sizeof(head.seed));
	kek_unwrap_key_derive(&k1, &d->keys.kek, c->flock, c->flock_dst);
	opened = ambry_unwrap(secret, a->key, a->tag, &k1, &head, &place);
	secret_wipe(&k1, sizeof(k1));
	return opened;
}

/* Readies the mask of packets to and from the peer's own address. */
static void
derive_peer_mask(struct device *d)
{
	struct base_key base;
	struct shroud_key key;

	base_key_derive(&base, d->secret.bytes, PEER_SHROUD_LABEL, flock_base(d->config.flock),
	    flock_base(d->config.flock_dst));
	memcpy(key.bytes, base.bytes, sizeof(key.bytes));
	shroud_mask_prefix(&d->peer_mask, &key);
	secret_wipe(&base, sizeof(base));
	secret_wipe(&key, sizeof(key));
}

static void
ambry_taken(struct device *d, const struct ambry *a, struct device_event *ev)
{
	struct tunnel_secret secret;

	if (a->tunnel.value != d->config.tunnel.value) {
		ev->kind = DEVICE_WRONG_TUNNEL;
		return;
	}
	ev->kind = DEVICE_AMBRY;
	ev->ambry.generation = a->generation;
	ev->ambry.expires = a->expires;
	ev->ambry.opened = ambry_open(d, a, &secret);
	if (!ev->ambry.opened)
		return;

	d->secret = secret;
	d->has_secret = true;
	d->generation = a->generation;
	if (d->config.shroud && d->config.direct)
		derive_peer_mask(d);
	secret_wipe(&secret, sizeof(secret));
}

static void
liturgy_taken(const struct liturgy *l, struct device_event *ev)
{
	ev->kind = DEVICE_LITURGY;
	ev->liturgy.group = l->group;
	for (unsigned n = KEK_NUMBER_MIN; n < LITURGY_PEERS; n++)
		if (l->peers[n] != 0)
			kek_set_add(&ev->liturgy.peers, (uint8_t)n);
}

static bool
knows_cathedral(const struct device *d, const struct endpoint *at)
{
	for (size_t i = 0; i < d->cathedral_count; i++)
		if (endpoint_equal(&d->cathedrals[i].at, at))
			return true;
	return false;
}

static void
learn_cathedral(struct device *d, const struct device_cathedral *c)
{
	if (d->cathedral_count < DEVICE_CATHEDRALS && !knows_cathedral(d, &c->at))
		d->cathedrals[d->cathedral_count++] = *c;
}

/* Forgets the last remembrance for this one, but neither what it was given nor what it uses. */
static void
remembrance_taken(struct device *d, const struct remembrance *r, struct device_event *ev)
{
	struct device_cathedral current = d->cathedrals[d->cathedral];

	ev->kind = DEVICE_REMEMBRANCE;
	ev->remembrance = *r;
	if (!d->config.remembrance)
		return;

	d->cathedral_count = d->cathedral_given;
	if (d->cathedral >= d->cathedral_given)
		learn_cathedral(d, &current);
	for (size_t i = 0; i < r->count; i++) {
		struct device_cathedral c = {
			.at = endpoint_from_ipv4(r->cathedrals[i].ip, r->cathedrals[i].port),
			.nat_port = current.nat_port,
		};

		learn_cathedral(d, &c);
	}
	for (size_t i = 0; i < d->cathedral_count; i++)
		if (endpoint_equal(&d->cathedrals[i].at, &current.at))
			d->cathedral = (uint8_t)i;
}

/* Opens an offer; the event's kind says what is wrong with one that is refused. */
static bool
offer_open(const struct device *d, struct plain p, struct instant now, struct offer *o,
    struct device_event *ev)
{
	struct offer_header h;
	struct offer_key key;
	struct envelope e;
	bool opened;

	ev->kind = DEVICE_BAD_KIND;
	if (!offer_header_decode(&h, p.at, p.len))
		return false;
	ev->kind = DEVICE_WRONG_ID;
	if (h.spi != d->config.id.value)
		return false;

	offer_key_device(&key, &d->keys.cs, h.seed, d->config.flock);
	opened = envelope_open(&e, p.at, p.len, &key);
	secret_wipe(&key, sizeof(key));
	ev->kind = DEVICE_BAD_SEAL;
	if (!opened)
		return false;
	ev->kind = DEVICE_BAD_OFFER;
	if (!offer_data_decode(o, e.data))
		return false;
	ev->kind = DEVICE_STALE;
	return offer_fresh(o->timestamp, now.wall_s);
}

static void
receive_offer(struct device *d, struct plain p, struct instant now, struct device_event *ev)
{
	struct offer o;

	if (!offer_open(d, p, now, &o, ev))
		return;

	switch (o.type) {
	case OFFER_INFO:
		info_taken(d, &o.info, ev);
		break;
	case OFFER_AMBRY:
		ambry_taken(d, &o.ambry, ev);
		break;
	case OFFER_LITURGY:
		liturgy_taken(&o.liturgy, ev);
		break;
	case OFFER_REMEMBRANCE:
		remembrance_taken(d, &o.remembrance, ev);
		break;
	case OFFER_EXCHANGE:
	case OFFER_P2P_INFO:
		ev->kind = DEVICE_BAD_OFFER;
		break;
	}
	if (!device_refused(ev->kind))
		d->answered_ns = now.mono_ns;
}

static void
receive_data(const struct device *d, struct plain p, struct device_event *ev)
{
	struct data_header h;

	ev->kind = DEVICE_BAD_KIND;
	if (!data_header_decode(&h, p.at, p.len))
		return;
	ev->kind = DEVICE_WRONG_SPI;
	if (!flock_equal(h.flock_src, d->config.flock_dst) ||
	    !flock_equal(h.flock_dst, d->config.flock) || h.spi == 0 ||
	    (h.spi != d->rx_active && h.spi != d->rx_pending))
		return;
	ev->kind = DEVICE_DATA;
	ev->data.header = h;
	ev->data.payload = p.at + DATA_HEADER_SIZE;
	ev->data.len = p.len - DATA_HEADER_SIZE;
}

static void
receive_sacrament(const struct device *d, struct plain p, struct device_event *ev)
{
	struct sacrament_header h;

	ev->kind = DEVICE_BAD_KIND;
	if (!sacrament_header_decode(&h, p.at, p.len))
		return;
	ev->kind = DEVICE_WRONG_SPI;
	if (!flock_equal(h.flock_src, d->config.flock_dst) ||
	    !flock_equal(h.flock_dst, d->config.flock) ||
	    spi_tunnel(h.spi).value != tunnel_reverse(d->config.tunnel).value)
		return;
	ev->kind = DEVICE_SACRAMENT;
	ev->sacrament.header = h;
	ev->sacrament.body = p.at + SACRAMENT_HEADER_SIZE;
	ev->sacrament.len = p.len - SACRAMENT_HEADER_SIZE;
}

struct device_event
device_receive(
    struct device *d, uint8_t *bytes, size_t len, const struct endpoint *from, struct instant now)
{
	struct device_event ev = { .kind = DEVICE_WRONG_SOURCE };
	struct plain p = { bytes, len };
	bool relayed = endpoint_equal(from, device_cathedral(d));

	ev.direct = !relayed && d->config.direct && d->has_peer && endpoint_equal(from, &d->peer);
	if (!relayed && !ev.direct)
		return ev;
	ev.kind = DEVICE_BAD_SHROUD;
	if (!unshroud(d, bytes, &p, ev.direct))
		return ev;

	ev.kind = DEVICE_BAD_KIND;
	switch (wire_kind(p.at, p.len)) {
	case WIRE_KATEDRAL:
		if (ev.direct)
			ev.kind = DEVICE_WRONG_SOURCE;
		else
			receive_offer(d, p, now, &ev);
		break;
	case WIRE_SACRAMNT:
		receive_sacrament(d, p, &ev);
		break;
	case WIRE_DATA:
		receive_data(d, p, &ev);
		break;
	case WIRE_CIBORIUM:
	case WIRE_CATACOMB:
	case WIRE_LETTER:
	case WIRE_UNKNOWN:
		break;
	}
	return ev;
}
