/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/packets.h"

#include "tools/cathedral-load/ends.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (UINT64_C(512) << 20)

/* As many as a batch at least, so that none is in it twice, and whole rounds of all tunnels. */
static uint64_t
how_many(const struct traffic_wish *w)
{
	uint64_t round = w->tunnels * w->burst;

	return round * ((VOLLEY_BATCH + round - 1) / round);
}

static uint64_t
size_of(const struct traffic_wish *w, uint64_t tunnel)
{
	return w->sizes[tunnel % w->size_count];
}

/* Sequence and packet numbers begin at 0: what is XORed in is then what stands there. */
static void
make_one(
    struct prepared *p, struct device *d, const struct device_moment *m, uint64_t size, bool shroud)
{
	uint8_t payload[DEVICE_PACKET_MAX];
	struct device_packet packet;
	size_t len = size - DATA_HEADER_SIZE;

	random_bytes(m->random, payload, len);
	memset(payload, 0, MARK_PACKET - DATA_HEADER_SIZE);
	d->sent = UINT64_MAX;
	device_make_data(d, m, payload, len, &packet);
	p->len = (uint16_t)packet.len;
	p->mark_at = MARK_AT + (shroud ? SHROUD_HEADER_SIZE : 0);
	memcpy(p->bytes, packet.bytes, packet.len);
	memcpy(p->blank, p->bytes + p->mark_at, MARK_SIZE);
}

static bool
make_room(struct packets *p, const struct traffic_wish *w, uint64_t count, struct fault *why)
{
	uint64_t largest = 0, extra = SHROUD_HEADER_SIZE + 1;

	for (size_t n = 0; n < w->size_count; n++)
		largest = w->sizes[n] > largest ? w->sizes[n] : largest;
	if (count * (largest + extra) > BYTES_MAX)
		return fault_set(why,
		    "%" PRIu64 " packets would have to be prepared: too many; "
		    "fewer tunnels, or shorter bursts, need fewer",
		    count);
	p->list = calloc(count, sizeof(p->list[0]));
	p->room = malloc(count * (largest + extra));
	if (p->list == NULL || p->room == NULL)
		return fault_set(why, "out of memory for %" PRIu64 " packets", count);
	for (uint64_t n = 0; n < count; n++)
		p->list[n].bytes = p->room + n * (largest + extra);
	p->count = count;
	return true;
}

/* The packets of one tunnel, wherever they stand in the round. */
static void
fill_tunnel(struct packets *p, const struct traffic_wish *w, uint64_t tunnel, size_t lane,
    struct device *d, const struct device_moment *m)
{
	uint64_t round = w->tunnels * w->burst;

	for (uint64_t at = tunnel * w->burst; at < p->count; at += round) {
		for (uint64_t n = at; n < at + w->burst; n++) {
			p->list[n].tunnel = (uint32_t)tunnel;
			p->list[n].lane = (uint16_t)lane;
			make_one(&p->list[n], d, m, size_of(w, tunnel), w->shroud);
		}
	}
}

bool
packets_make(struct packets *p, const struct traffic_wish *wish, const struct roster *roster,
    size_t lanes, struct random *random, struct fault *why)
{
	struct device_moment m = { clock_now(), random };
	struct device d;

	*p = (struct packets){ 0 };
	if (!make_room(p, wish, how_many(wish), why)) {
		packets_free(p);
		return false;
	}
	for (uint64_t t = 0; t < wish->tunnels; t++) {
		struct fleet_end end = { 2 * (wish->first + t), wish->shroud, wish->run };

		end_open(&d, roster, &end, &m);
		fill_tunnel(p, wish, t, traffic_lane(roster, wish->first + t, lanes), &d, &m);
		device_wipe(&d);
	}
	return true;
}

void
packets_free(struct packets *p)
{
	free(p->list);
	free(p->room);
	*p = (struct packets){ 0 };
}
