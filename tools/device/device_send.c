/* SPDX-License-Identifier: ISC */
/* What a device puts onto the wire. */
#include "tools/device/device.h"

#include "protocol/crypto/secret.h"
#include "protocol/crypto/shroud.h"
#include "protocol/envelope.h"

#include <assert.h>
#include <string.h>

/* A new seed_id when its time has come: the identities shown follow from it. */
static void
refresh_identities(struct device *d, const struct device_moment *m)
{
	const struct device_config *c = &d->config;
	struct kmac_prefix prefix;

	if (m->now.mono_ns < d->seed_id_until_ns)
		return;
	d->seed_id_until_ns = m->now.mono_ns + c->seed_id_ns;
	random_bytes(m->random, d->seed_id, sizeof(d->seed_id));

	shroud_identity_prefix(&prefix, c->flock, c->flock_dst, c->id);
	shroud_identity(d->identity[DEVICE_SHROUD_PAIR], &prefix, d->seed_id);
	shroud_identity_prefix(&prefix, c->flock, c->flock, c->id);
	shroud_identity(d->identity[DEVICE_SHROUD_OWN], &prefix, d->seed_id);
}

/* Where in out a packet begins that the shroud will go around. */
static uint8_t *
inside(const struct device *d, struct device_packet *out)
{
	return out->bytes + (d->config.shroud ? SHROUD_HEADER_SIZE : 0);
}

/* Pads and masks the len bytes at inside(); the first 32 bytes of the header are written. */
static void
mask(struct device *d, const struct device_moment *m, const struct kmac_prefix *key, size_t len,
    struct device_packet *out)
{
	uint8_t *body = out->bytes + SHROUD_HEADER_SIZE;
	size_t zeros = shroud_padding(m->random, len, d->config.mtu);
	struct kmac_job job;

	assert(SHROUD_HEADER_SIZE + len + 1 + zeros <= sizeof(out->bytes));
	random_bytes(
	    m->random, out->bytes + SHROUD_SEED_DATA_AT, SHROUD_HEADER_SIZE - SHROUD_SEED_DATA_AT);
	body[len] = 0xff;
	memset(body + len + 1, 0, zeros);

	job = shroud_job(key, out->bytes, body, len + 1 + zeros);
	kmac_mask(&job, 1);
	out->len = SHROUD_HEADER_SIZE + len + 1 + zeros;
}

/* Finishes the packet of len bytes at inside() for the cathedral. */
static void
finish(struct device *d, const struct device_moment *m, enum device_shroud which, size_t len,
    struct device_packet *out)
{
	out->to = *device_cathedral(d);
	out->len = len;
	if (!d->config.shroud)
		return;
	refresh_identities(d, m);
	memcpy(out->bytes, d->identity[which], SHROUD_IDENTITY_SIZE);
	memcpy(out->bytes + SHROUD_SEED_ID_AT, d->seed_id, sizeof(d->seed_id));
	mask(d, m, &d->mask[which], len, out);
}

void
device_make_offer(struct device *d, const struct device_moment *m, struct offer_header *h,
    const struct offer *o, struct device_packet *out)
{
	struct envelope e;
	struct offer_key key;

	random_bytes(m->random, h->seed, sizeof(h->seed));
	offer_key_device(&key, &d->keys.cs, h->seed, h->flock_src);
	envelope_signed(&e, o, &d->keys.cosk);
	envelope_seal(inside(d, out), h, &e, &key);
	secret_wipe(&key, sizeof(key));
	finish(d, m, o->type == OFFER_LITURGY ? DEVICE_SHROUD_OWN : DEVICE_SHROUD_PAIR, OFFER_SIZE,
	    out);
}

static void
make_info(
    struct device *d, const struct device_moment *m, uint64_t magic, struct device_packet *out)
{
	const struct device_config *c = &d->config;
	struct offer_header h = {
		.magic = magic,
		.flock_src = c->flock,
		.flock_dst = c->flock_dst,
		.spi = c->id.value,
	};
	struct offer o = {
		.type = OFFER_INFO,
		.timestamp = (uint64_t)m->now.wall_s,
		.info = {
			.flags = (c->remembrance ? INFO_WANTS_REMEMBRANCE : 0) |
			    (c->no_ambry ? INFO_NO_AMBRY : 0),
			.tunnel = c->tunnel,
			.ambry_generation = d->generation,
			.rx_active = d->rx_active,
			.rx_pending = d->rx_pending,
			.instance = d->instance,
		},
	};

	device_make_offer(d, m, &h, &o, out);
}

void
device_make_info(struct device *d, const struct device_moment *m, struct device_packet *out)
{
	make_info(d, m, MAGIC_KATEDRAL, out);
}

void
device_make_probe(struct device *d, const struct device_moment *m, struct device_packet *out)
{
	make_info(d, m, MAGIC_CIBORIUM, out);
	out->to.port = d->cathedrals[d->cathedral].nat_port;
}

void
device_make_liturgy(struct device *d, const struct device_moment *m, struct device_packet *out)
{
	const struct device_config *c = &d->config;
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL,
		.flock_src = c->flock,
		.spi = c->id.value,
	};
	struct offer o = {
		.type = OFFER_LITURGY,
		.timestamp = (uint64_t)m->now.wall_s,
		.liturgy = {
			.id = tunnel_own(c->tunnel),
			.group = c->liturgy.group,
			.hidden = c->liturgy.hidden,
			.flags = (c->remembrance ? LITURGY_WANTS_REMEMBRANCE : 0) |
			    (c->liturgy.signalling ? LITURGY_SIGNALLING : 0),
		},
	};

	for (unsigned n = 0; n < LITURGY_PEERS; n++)
		o.liturgy.peers[n] = kek_set_has(&c->liturgy.peers, (uint8_t)n);
	device_make_offer(d, m, &h, &o, out);
}

/* The packet as it stands inside any shroud; its length, 0 when it does not fit. */
static size_t
write_data(struct device *d, const void *payload, size_t len, uint8_t *to)
{
	struct data_header h = {
		.spi = d->tx_spi,
		.flock_src = d->config.flock,
		.flock_dst = d->config.flock_dst,
	};

	if (len > DEVICE_PAYLOAD_MAX)
		return 0;
	d->sent++;
	h.seq = (uint32_t)d->sent;
	h.pn = d->sent;
	data_header_encode(&h, to);
	if (len > 0)
		memcpy(to + DATA_HEADER_SIZE, payload, len);
	return DATA_HEADER_SIZE + len;
}

bool
device_make_data(struct device *d, const struct device_moment *m, const void *payload, size_t len,
    struct device_packet *out)
{
	size_t whole = write_data(d, payload, len, inside(d, out));

	if (whole == 0)
		return false;
	finish(d, m, DEVICE_SHROUD_PAIR, whole, out);
	return true;
}

bool
device_make_direct(struct device *d, const struct device_moment *m, const void *payload, size_t len,
    struct device_packet *out)
{
	size_t whole;

	if (!d->config.direct || !d->has_peer || (d->config.shroud && !d->has_secret))
		return false;
	whole = write_data(d, payload, len, inside(d, out));
	if (whole == 0)
		return false;

	out->to = d->peer;
	out->len = whole;
	if (d->config.shroud) {
		random_bytes(m->random, out->bytes, SHROUD_SEED_DATA_AT);
		mask(d, m, &d->peer_mask, whole, out);
	}
	return true;
}

bool
device_make_sacrament(struct device *d, const struct device_moment *m,
    const struct device_exchange *x, struct device_packet *out)
{
	struct sacrament_header h = {
		.flock_src = d->config.flock,
		.flock_dst = d->config.flock_dst,
		.spi = x->new_spi,
	};
	uint8_t *at = inside(d, out);

	if (x->len > DEVICE_PACKET_MAX - SHROUD_HEADER_SIZE - 1 - SACRAMENT_HEADER_SIZE)
		return false;
	sacrament_header_encode(&h, at);
	if (x->len > 0)
		memcpy(at + SACRAMENT_HEADER_SIZE, x->body, x->len);
	finish(d, m, DEVICE_SHROUD_PAIR, SACRAMENT_HEADER_SIZE + x->len, out);
	return true;
}

bool
device_make_raw(struct device *d, const struct device_moment *m, const void *bytes, size_t len,
    struct device_packet *out)
{
	if (len > DEVICE_PACKET_MAX - SHROUD_HEADER_SIZE - 1)
		return false;
	if (len > 0)
		memcpy(inside(d, out), bytes, len);
	finish(d, m, DEVICE_SHROUD_PAIR, len, out);
	return true;
}
