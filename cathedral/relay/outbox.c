/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/outbox.h"

#include <stdlib.h>
#include <string.h>

#define REST_NS UINT64_C(1000000)

struct outbox *
outbox_create(struct sender *sender, struct random *random, struct stats *stats)
{
	struct outbox *o = aligned_alloc(_Alignof(struct outbox), sizeof(*o));

	if (o == NULL)
		return NULL;
	memset(o, 0, sizeof(*o));
	o->own = aligned_alloc(64, OUTBOX_ANSWERS * sizeof(o->own[0]));
	if (o->own == NULL) {
		free(o);
		return NULL;
	}
	memset(o->own, 0, OUTBOX_ANSWERS * sizeof(o->own[0]));
	o->sender = sender;
	o->random = random;
	o->stats = stats;
	return o;
}

void
outbox_destroy(struct outbox *o)
{
	if (o == NULL)
		return;
	free(o->own);
	free(o);
}

void
outbox_relay(struct outbox *o, struct packet *pkt)
{
	if (o->count == OUTBOX_MAX)
		outbox_flush(o);
	o->queue[o->count++] = pkt;
}

struct packet *
outbox_answer(struct outbox *o)
{
	struct packet *pkt;

	if (o->own_count == OUTBOX_ANSWERS || o->count == OUTBOX_MAX)
		outbox_flush(o);
	pkt = &o->own[o->own_count++];
	packet_reset(pkt, 0);
	outbox_relay(o, pkt);
	return pkt;
}

/* Puts the padding behind and a random header in front; the mask itself is the job's. */
static struct kmac_job
shroud_begin(struct outbox *o, struct packet *pkt)
{
	size_t zeros = shroud_padding(o->random, pkt->len, pkt->below);
	size_t body = pkt->len + 1 + zeros;
	uint8_t *end;

	packet_make_room(pkt, SHROUD_HEADER_SIZE, 1 + zeros);
	end = pkt->head + pkt->len;
	*end = 0xff;
	memset(end + 1, 0, zeros);
	pkt->len = body;
	random_bytes(o->random, packet_push(pkt, SHROUD_HEADER_SIZE), SHROUD_HEADER_SIZE);
	return shroud_job(pkt->to_mask, pkt->head, pkt->head + SHROUD_HEADER_SIZE, body);
}

/* Everything counts as it is on the line; where the kernel has no room the line rests a while. */
static void
send_counted(struct outbox *o)
{
	uint64_t full = stats_get(&o->stats->tx_full);
	uint64_t bytes = o->count * EGRESS_HEADERS;

	for (size_t n = 0; n < o->count; n++)
		bytes += o->queue[n]->len;
	o->sender->send(o->sender, o->queue, o->count);
	if (o->meter != NULL)
		meter_count(o->meter, bytes);
	if (o->egress == NULL)
		return;
	egress_charge(o->egress, egress_time_ns(o->egress, bytes));
	if (stats_get(&o->stats->tx_full) != full)
		egress_charge(o->egress, REST_NS);
}

void
outbox_flush(struct outbox *o)
{
	struct kmac_job jobs[OUTBOX_MAX];
	size_t masked = 0;

	for (size_t n = 0; n < o->count; n++) {
		if (o->queue[n]->to_mask != NULL)
			jobs[masked++] = shroud_begin(o, o->queue[n]);
	}
	kmac_mask(jobs, masked);
	if (o->count > 0 && (o->egress != NULL || o->meter != NULL))
		send_counted(o);
	else if (o->count > 0)
		o->sender->send(o->sender, o->queue, o->count);
	o->count = o->own_count = 0;
}
