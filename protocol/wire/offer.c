/* SPDX-License-Identifier: ISC */
#include "protocol/wire/offer.h"

#include "protocol/wire/cursor.h"

#include <assert.h>

bool
offer_header_decode(struct offer_header *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	struct offer_header h;

	h.magic = cursor_be64(&c);
	h.flock_src.value = cursor_be64(&c);
	h.flock_dst.value = cursor_be64(&c);
	h.spi = cursor_be32(&c);
	cursor_take(&c, h.seed, sizeof(h.seed));

	if (!cursor_ok(&c))
		return false;
	*ret = h;
	return true;
}

void
offer_header_encode(const struct offer_header *h, uint8_t out[static OFFER_HEADER_SIZE])
{
	struct writer w = writer_over(out, OFFER_HEADER_SIZE);

	writer_be64(&w, h->magic);
	writer_be64(&w, h->flock_src.value);
	writer_be64(&w, h->flock_dst.value);
	writer_be32(&w, h->spi);
	writer_put(&w, h->seed, sizeof(h->seed));
}

static void
ambry_read(struct cursor *c, struct offer *o)
{
	struct ambry *a = &o->ambry;

	a->tunnel.value = cursor_be16(c);
	a->expires = cursor_be16(c);
	a->generation = cursor_be32(c);
	cursor_take(c, a->seed, sizeof(a->seed));
	cursor_take(c, a->key, sizeof(a->key));
	cursor_take(c, a->tag, sizeof(a->tag));
}

static void
ambry_write(struct writer *w, const struct offer *o)
{
	const struct ambry *a = &o->ambry;

	writer_be16(w, a->tunnel.value);
	writer_be16(w, a->expires);
	writer_be32(w, a->generation);
	writer_put(w, a->seed, sizeof(a->seed));
	writer_put(w, a->key, sizeof(a->key));
	writer_put(w, a->tag, sizeof(a->tag));
}

/* Flags and SPIs are little-endian here and in a liturgy, and nowhere else. */
static void
info_read(struct cursor *c, struct offer *o)
{
	struct info *i = &o->info;

	i->flags = cursor_le32(c);
	cursor_take(c, i->peer_ip, sizeof(i->peer_ip));
	i->peer_port = cursor_be16(c);
	cursor_take(c, i->local_ip, sizeof(i->local_ip));
	i->local_port = cursor_be16(c);
	i->tunnel.value = cursor_be16(c);
	i->ambry_generation = cursor_be32(c);
	i->rx_active = cursor_le32(c);
	i->rx_pending = cursor_le32(c);
	i->instance = cursor_be64(c);
}

static void
info_write(struct writer *w, const struct offer *o)
{
	const struct info *i = &o->info;

	writer_le32(w, i->flags);
	writer_put(w, i->peer_ip, sizeof(i->peer_ip));
	writer_be16(w, i->peer_port);
	writer_put(w, i->local_ip, sizeof(i->local_ip));
	writer_be16(w, i->local_port);
	writer_be16(w, i->tunnel.value);
	writer_be32(w, i->ambry_generation);
	writer_le32(w, i->rx_active);
	writer_le32(w, i->rx_pending);
	writer_be64(w, i->instance);
}

static void
liturgy_read(struct cursor *c, struct offer *o)
{
	struct liturgy *l = &o->liturgy;

	l->id = cursor_u8(c);
	l->group = cursor_be16(c);
	cursor_take(c, l->peers, sizeof(l->peers));
	l->hidden = cursor_u8(c);
	l->flags = cursor_le32(c);
}

static void
liturgy_write(struct writer *w, const struct offer *o)
{
	const struct liturgy *l = &o->liturgy;

	writer_u8(w, l->id);
	writer_be16(w, l->group);
	writer_put(w, l->peers, sizeof(l->peers));
	writer_u8(w, l->hidden);
	writer_le32(w, l->flags);
}

/* All addresses, then all ports; the first zero among either ends the list. */
static void
remembrance_read(struct cursor *c, struct offer *o)
{
	static const uint8_t none[4];
	struct remembrance all = { 0 }, *r = &o->remembrance;

	for (size_t i = 0; i < REMEMBRANCE_MAX; i++)
		cursor_take(c, all.cathedrals[i].ip, sizeof(all.cathedrals[i].ip));
	for (size_t i = 0; i < REMEMBRANCE_MAX; i++)
		all.cathedrals[i].port = cursor_be16(c);

	for (size_t i = 0; i < REMEMBRANCE_MAX; i++) {
		if (memcmp(all.cathedrals[i].ip, none, sizeof(none)) == 0 ||
		    all.cathedrals[i].port == 0)
			return;
		r->cathedrals[r->count++] = all.cathedrals[i];
	}
}

static void
remembrance_write(struct writer *w, const struct offer *o)
{
	const struct remembrance *r = &o->remembrance;
	struct remembrance all = { 0 };

	assert(r->count <= REMEMBRANCE_MAX);
	memcpy(all.cathedrals, r->cathedrals, r->count * sizeof(r->cathedrals[0]));

	for (size_t i = 0; i < REMEMBRANCE_MAX; i++)
		writer_put(w, all.cathedrals[i].ip, sizeof(all.cathedrals[i].ip));
	for (size_t i = 0; i < REMEMBRANCE_MAX; i++)
		writer_be16(w, all.cathedrals[i].port);
}

static void
exchange_read(struct cursor *c, struct offer *o)
{
	struct exchange *e = &o->exchange;

	e->id = cursor_be64(c);
	e->spi = cursor_be32(c);
	e->salt = cursor_be32(c);
	e->state = cursor_u8(c);
	e->fragment = cursor_u8(c);
	cursor_take(c, e->ecdh, sizeof(e->ecdh));
	cursor_take(c, e->kem, sizeof(e->kem));
}

static void
exchange_write(struct writer *w, const struct offer *o)
{
	const struct exchange *e = &o->exchange;

	writer_be64(w, e->id);
	writer_be32(w, e->spi);
	writer_be32(w, e->salt);
	writer_u8(w, e->state);
	writer_u8(w, e->fragment);
	writer_put(w, e->ecdh, sizeof(e->ecdh));
	writer_put(w, e->kem, sizeof(e->kem));
}

static void
p2p_info_read(struct cursor *c, struct offer *o)
{
	struct p2p_info *p = &o->p2p;

	cursor_take(c, p->ip, sizeof(p->ip));
	p->port = cursor_be16(c);
	p->tunnel.value = cursor_be16(c);
	p->flags = cursor_be32(c);
}

static void
p2p_info_write(struct writer *w, const struct offer *o)
{
	const struct p2p_info *p = &o->p2p;

	writer_put(w, p->ip, sizeof(p->ip));
	writer_be16(w, p->port);
	writer_be16(w, p->tunnel.value);
	writer_be32(w, p->flags);
}

static const struct layout {
	enum offer_type type;
	void (*read)(struct cursor *c, struct offer *o);
	void (*write)(struct writer *w, const struct offer *o);
} layouts[] = {
	{ OFFER_AMBRY, ambry_read, ambry_write },
	{ OFFER_INFO, info_read, info_write },
	{ OFFER_LITURGY, liturgy_read, liturgy_write },
	{ OFFER_REMEMBRANCE, remembrance_read, remembrance_write },
	{ OFFER_EXCHANGE, exchange_read, exchange_write },
	{ OFFER_P2P_INFO, p2p_info_read, p2p_info_write },
};

static const struct layout *
layout_of(unsigned type)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == type)
			return &layouts[i];
	return NULL;
}

bool
offer_data_decode(struct offer *ret, const uint8_t data[static OFFER_DATA_SIZE])
{
	struct cursor c = cursor_over(data, OFFER_DATA_SIZE);
	const struct layout *layout = layout_of(cursor_u8(&c));

	if (layout == NULL)
		return false;

	memset(ret, 0, sizeof(*ret));
	ret->type = layout->type;
	ret->timestamp = cursor_be64(&c);
	layout->read(&c, ret);
	assert(cursor_ok(&c)); /* every layout fits the union */
	return true;
}

void
offer_data_encode(const struct offer *o, uint8_t data[static OFFER_DATA_SIZE])
{
	struct writer w = writer_over(data, OFFER_DATA_SIZE);
	const struct layout *layout = layout_of(o->type);

	assert(layout != NULL);
	writer_u8(&w, (uint8_t)o->type);
	writer_be64(&w, o->timestamp);
	layout->write(&w, o);
	writer_fill(&w);
}

bool
offer_fresh(uint64_t timestamp, int64_t now_s)
{
	uint64_t now = (uint64_t)now_s;

	if (now_s < 0) /* a clock that was never set */
		return false;
	return (timestamp > now ? timestamp - now : now - timestamp) <= OFFER_WINDOW_S;
}
