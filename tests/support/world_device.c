/* SPDX-License-Identifier: ISC */
/* Devices of a world, and the data that they send each other. */
#include "tests/support/world_parts.h"

#include "protocol/wire/cursor.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define APART_NS (5 * NS_PER_MS)

struct device_moment
world_moment(struct world *w)
{
	return (struct device_moment){
		{ w->now_ns, w->wall_s + (int64_t)(w->now_ns / NS_PER_S) },
		&w->random,
	};
}

/* 10.1.N.1 or fd01:0:0:N::1; each is a source of its own. */
static struct endpoint
place_of_device(unsigned device, bool ipv6)
{
	uint8_t ip4[4] = { 10, 1, (uint8_t)(device + 1), 1 };
	struct endpoint e = endpoint_from_ipv4(ip4, (uint16_t)(7000 + device));

	if (ipv6) {
		memset(e.ip, 0, sizeof(e.ip));
		e.ip[0] = 0xfd;
		e.ip[1] = 1;
		e.ip[7] = (uint8_t)(device + 1);
		e.ip[15] = 1;
	}
	return e;
}

unsigned
world_add_device(struct world *w, const struct world_end *end)
{
	struct world_device *dev = &w->devices[w->device_count];
	const struct world_flock *own = &w->flocks[end->flock],
				 *other = &w->flocks[end->peer_flock];
	const struct world_member *m = &own->members[end->member];
	const struct listener *l = world_listener(w, end->cathedral, end->listener);
	struct device_config c = device_config_default();
	struct device_moment now = world_moment(w);

	world_must(w->device_count < WORLD_DEVICES, "a place for one more device");
	c.flock = flock_with_domain(own->id, end->domain);
	c.flock_dst = flock_with_domain(other->id, end->domain);
	c.id = m->id;
	c.tunnel = tunnel_between(m->number, other->members[end->peer_member].number);
	c.shroud = l->shrouded;
	device_init(&dev->d, &c, &m->keys, &now);
	dev->flock = end->flock;
	dev->member = end->member;
	dev->at = place_of_device(w->device_count, !endpoint_is_ipv4(&l->main));
	device_add_cathedral(&dev->d, &l->main, 0);
	/* No two begin at the same moment: the scanner has time for each. */
	dev->d.info_due_ns += w->device_count * APART_NS;
	dev->d.liturgy_due_ns += w->device_count * APART_NS;
	return w->device_count++;
}

unsigned
world_add_tunnel(
    struct world *w, const struct world_end *end, unsigned peer_cathedral, unsigned peer_listener)
{
	struct world_end peer = {
		.flock = end->peer_flock,
		.member = end->peer_member,
		.peer_flock = end->flock,
		.peer_member = end->member,
		.domain = end->domain,
		.cathedral = peer_cathedral,
		.listener = peer_listener,
	};
	unsigned first = world_add_device(w, end);

	world_add_device(w, &peer);
	return first;
}

void
world_add_fallback(struct world *w, unsigned device, unsigned cathedral, unsigned listener)
{
	device_add_cathedral(
	    &w->devices[device].d, &world_listener(w, cathedral, listener)->main, 0);
}

/* A symmetric NAT has another port for each destination. */
struct endpoint
world_outside(const struct world_device *dev, const struct endpoint *remote)
{
	struct endpoint e = dev->at;
	unsigned sum = remote->port;

	if (!dev->symmetric)
		return e;
	for (size_t n = 0; n < sizeof(remote->ip); n++)
		sum = sum * 31 + remote->ip[n];
	e.port = (uint16_t)(20000 + sum % 40000);
	return e;
}

unsigned
world_peer(const struct world *w, unsigned device)
{
	const struct device_config *a = &w->devices[device].d.config;
	unsigned n = 0;

	for (; n < w->device_count; n++) {
		const struct device_config *b = &w->devices[n].d.config;

		if (!w->devices[n].off && flock_equal(a->flock, b->flock_dst) &&
		    flock_equal(a->flock_dst, b->flock) &&
		    a->tunnel.value == tunnel_reverse(b->tunnel).value)
			break;
	}
	return n;
}

bool
world_shrouded(const struct world *w, unsigned device)
{
	return w->devices[device].d.config.shroud;
}

/* ---- data ---- */

/* A payload is its serial number, then what follows from that. */
static void
write_payload(const struct world *w, size_t serial, uint8_t *out, size_t len)
{
	struct writer head = writer_over(out, len);
	struct random r;

	random_from_seed(&r, w->seed ^ ((uint64_t)serial << 20));
	writer_be64(&head, serial);
	random_bytes(&r, out + 8, len - 8);
}

static size_t
new_datum(struct world *w, const struct world_datum *datum)
{
	if (w->data_count == w->data_room) {
		size_t room = w->data_room == 0 ? 256 : 2 * w->data_room;

		w->data = reallocarray(w->data, room, sizeof(*w->data));
		world_must(w->data != NULL, "memory for data");
		w->data_room = room;
	}
	w->data[w->data_count] = *datum;
	return w->data_count++;
}

size_t
world_send_data(struct world *w, unsigned device, size_t len)
{
	struct device_moment now = world_moment(w);
	uint8_t payload[DEVICE_PAYLOAD_MAX];
	struct device_packet packet;
	size_t serial = new_datum(w, &(struct world_datum){ device, len, w->now_ns, 0 });

	write_payload(w, serial, payload, len);
	world_must(device_make_data(&w->devices[device].d, &now, payload, len, &packet),
	    "data that fits a packet");
	world_send(w, device, &packet);
	return serial;
}

unsigned
world_arrived(const struct world *w, size_t serial)
{
	return w->data[serial].arrived;
}

static void
check_data(struct world *w, unsigned device, const struct device_event *ev)
{
	struct cursor c = cursor_over(ev->data.payload, ev->data.len);
	uint8_t want[DEVICE_PAYLOAD_MAX];
	uint64_t serial = cursor_be64(&c);
	struct world_datum *datum;

	if (!cursor_ok(&c) || serial >= w->data_count) {
		world_violate(w, "device %u got data that nobody sent", device);
		return;
	}
	datum = &w->data[serial];
	if (world_peer(w, datum->sender) != device)
		world_violate(w, "device %u got data that device %u sent to somebody else", device,
		    datum->sender);
	write_payload(w, serial, want, datum->len);
	if (ev->data.len != datum->len || memcmp(want, ev->data.payload, datum->len) != 0)
		world_violate(w, "data from device %u to %u was altered", datum->sender, device);
	datum->arrived++;
}

/* ---- what comes in and goes out ---- */

static void
keep_event(struct world *w, unsigned device, const struct device_event *ev)
{
	struct world_device *dev = &w->devices[device];

	dev->events[ev->kind]++;
	switch (ev->kind) {
	case DEVICE_INFO:
		dev->info = *ev;
		dev->info_ns = w->now_ns;
		break;
	case DEVICE_LITURGY:
		dev->liturgy = *ev;
		dev->liturgy_ns = w->now_ns;
		break;
	case DEVICE_REMEMBRANCE:
		dev->remembrance = *ev;
		dev->remembrance_ns = w->now_ns;
		break;
	case DEVICE_DATA:
		dev->data++;
		dev->direct += ev->direct;
		check_data(w, device, ev);
		break;
	default:
		break;
	}
}

void
world_device_takes(struct world *w, unsigned device, struct world_datagram *d)
{
	struct device_event ev;

	if (w->devices[device].off)
		return;
	ev = device_receive(&w->devices[device].d, d->bytes, d->len, &d->from, world_moment(w).now);
	keep_event(w, device, &ev);
	if (w->heard != NULL)
		w->heard(w, device, &ev, w->heard_arg);
}

void
world_send(struct world *w, unsigned device, const struct device_packet *packet)
{
	struct endpoint from = world_outside(&w->devices[device], &packet->to);

	world_post(w, &from, &packet->to, packet->bytes, packet->len);
}

void
world_device_steps(struct world *w, unsigned device)
{
	struct world_device *dev = &w->devices[device];
	struct device_moment now = world_moment(w);
	struct device_packet packet;
	enum device_did did;

	while ((did = device_step(&dev->d, &now, &packet)) != DEVICE_IDLE) {
		if (did == DEVICE_SENDS)
			world_send(w, device, &packet);
		else
			dev->moves++;
	}
}
