/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/packets.h"

#include "tools/cathedral-load/ends.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (UINT64_C(512) << 20)

/*
 * The order of sending.  Packets that merge have to be of one flock, since each has its own
 * socket: its tunnels have their turns until there are as many as can leave as one.  A round is of
 * all flocks; there are as many as it takes until no packet is in a batch twice.
 */
struct block {
	uint64_t first, tunnels; /* in the run: those of one flock */
	uint64_t laps;
};

static uint64_t
longest_run(const struct traffic_wish *w)
{
	uint64_t largest = 0, shroud = w->shroud ? SHROUD_HEADER_SIZE + 1 : 0;

	for (size_t n = 0; n < w->size_count; n++)
		largest = w->sizes[n] > largest ? w->sizes[n] : largest;
	return volley_run(largest + shroud);
}

static struct block
block_at(const struct traffic_wish *w, const struct roster *r, uint64_t tunnel)
{
	uint64_t pairs = r->devices / 2;
	uint64_t end = ((w->first + tunnel) / pairs + 1) * pairs - w->first;
	struct block b = { .first = tunnel, .laps = 1 };

	b.tunnels = (end < w->tunnels ? end : w->tunnels) - tunnel;
	if (w->merge && longest_run(w) > b.tunnels * w->burst)
		b.laps = longest_run(w) / (b.tunnels * w->burst);
	return b;
}

static uint64_t
block_size(const struct traffic_wish *w, const struct block *b)
{
	return b->tunnels * w->burst * b->laps;
}

static uint64_t
round_size(const struct traffic_wish *w, const struct roster *r)
{
	uint64_t size = 0;

	for (uint64_t t = 0; t < w->tunnels;) {
		struct block b = block_at(w, r, t);

		size += block_size(w, &b);
		t += b.tunnels;
	}
	return size;
}

static uint64_t
size_of(const struct traffic_wish *w, uint64_t tunnel)
{
	return w->sizes[tunnel % w->size_count];
}

struct recipe {
	const struct traffic_wish *wish;
	const struct roster *roster;
	size_t lanes;
	struct device_moment moment;
	uint64_t round; /* packets in it */
};

/* Whose packets are made. */
struct sender {
	uint32_t tunnel; /* in the run */
	uint16_t lane;
	struct device device;
};

/* Sequence and packet numbers begin at 0: what is XORed in is then what stands there. */
static void
make_one(struct prepared *p, struct sender *s, const struct recipe *r, uint64_t size)
{
	uint8_t payload[DEVICE_PACKET_MAX];
	struct device_packet packet;
	size_t len = size - DATA_HEADER_SIZE;

	random_bytes(r->moment.random, payload, len);
	memset(payload, 0, MARK_PACKET - DATA_HEADER_SIZE);
	s->device.sent = UINT64_MAX;
	device_make_data(&s->device, &r->moment, payload, len, &packet);
	p->len = (uint16_t)packet.len;
	p->mark_at = MARK_AT + (r->wish->shroud ? SHROUD_HEADER_SIZE : 0);
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

/* The packets of one tunnel, wherever they stand in a block that begins at `at`. */
static void
fill_tunnel(
    struct packets *p, const struct recipe *r, const struct block *b, uint64_t at, struct sender *s)
{
	const struct traffic_wish *w = r->wish;

	for (uint64_t lap = 0; lap < b->laps; lap++) {
		uint64_t from = at + (lap * b->tunnels + s->tunnel - b->first) * w->burst;

		for (uint64_t n = from; n < from + w->burst; n++) {
			p->list[n].tunnel = s->tunnel;
			p->list[n].lane = s->lane;
			make_one(&p->list[n], s, r, size_of(w, s->tunnel));
		}
	}
}

/* A block in all rounds. */
static void
fill_block(struct packets *p, const struct recipe *r, const struct block *b, uint64_t at)
{
	const struct traffic_wish *w = r->wish;
	struct sender s;

	for (uint64_t t = b->first; t < b->first + b->tunnels; t++) {
		struct fleet_end end = { 2 * (w->first + t), w->shroud, w->run };

		s.tunnel = (uint32_t)t;
		s.lane = (uint16_t)traffic_lane(r->roster, w->first + t, r->lanes);
		end_open(&s.device, r->roster, &end, &r->moment);
		for (uint64_t from = at; from < p->count; from += r->round)
			fill_tunnel(p, r, b, from, &s);
		device_wipe(&s.device);
	}
}

bool
packets_make(struct packets *p, const struct traffic_wish *wish, const struct roster *roster,
    size_t lanes, struct random *random, struct fault *why)
{
	struct recipe r = { wish, roster, lanes, { clock_now(), random },
		round_size(wish, roster) };
	uint64_t at = 0;

	*p = (struct packets){ 0 };
	if (!make_room(p, wish, r.round * ((VOLLEY_BATCH + r.round - 1) / r.round), why)) {
		packets_free(p);
		return false;
	}
	for (uint64_t t = 0; t < wish->tunnels;) {
		struct block b = block_at(wish, roster, t);

		fill_block(p, &r, &b, at);
		at += block_size(wish, &b);
		t += b.tunnels;
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
