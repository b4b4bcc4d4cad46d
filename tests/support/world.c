/* SPDX-License-Identifier: ISC */
/* Time, and the network between the hosts. */
#include "tests/support/world_parts.h"

#include "protocol/crypto/aead.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_S INT64_C(1790000000)

/* Datagrams that arrive this close to each other are one batch. */
#define BATCH_NS (50 * UINT64_C(1000))

void
world_must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "world: needs %s\n", what);
	abort();
}

void
world_violate(struct world *w, const char *format, ...)
{
	va_list args;
	int used;

	if (w->violation[0] != '\0')
		return;
	used = snprintf(w->violation, sizeof(w->violation),
	    "at %.6f s: ", (double)w->now_ns / (double)NS_PER_S);
	va_start(args, format);
	vsnprintf(w->violation + used, sizeof(w->violation) - (size_t)used, format, args);
	va_end(args);
}

struct world *
world_create(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	size_t size = PIPELINE_BATCH * sizeof(struct packet);

	world_must(w != NULL && aead_init(), "memory and ciphers");
	w->room = aligned_alloc(64, (size + 63) & ~(size_t)63);
	world_must(w->room != NULL, "memory for packets");
	memset(w->room, 0, size);
	w->seed = seed;
	random_from_seed(&w->random, seed);
	random_bytes(&w->random, &w->secret, sizeof(w->secret));
	w->wall_s = WALL_S + random_below(&w->random, 86400);
	w->sweep_ns = 100 * NS_PER_MS;
	w->line.delay_ns = NS_PER_MS;
	return w;
}

void
world_destroy(struct world *w)
{
	for (unsigned n = 0; n < w->cathedral_count; n++)
		world_cathedral_end(w, n);
	for (unsigned n = 0; n < w->device_count; n++)
		device_wipe(&w->devices[n].d);
	world_registry_free(w);
	world_feed_end(w);
	for (size_t n = 0; n < w->flight_count; n++)
		free(w->flights[n].datagram);
	free(w->flights);
	free(w->room);
	free(w->data);
	free(w);
}

/* ---- flights: a heap by time, then by order ---- */

static bool
is_before(const struct world_flight *a, const struct world_flight *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void
flight_add(struct world *w, struct world_flight flight)
{
	size_t n = w->flight_count++;

	if (n == w->flight_room) {
		w->flight_room = n == 0 ? 256 : 2 * n;
		w->flights = reallocarray(w->flights, w->flight_room, sizeof(*w->flights));
		world_must(w->flights != NULL, "memory for flights");
	}
	while (n > 0 && is_before(&flight, &w->flights[(n - 1) / 2])) {
		w->flights[n] = w->flights[(n - 1) / 2];
		n = (n - 1) / 2;
	}
	w->flights[n] = flight;
}

static struct world_datagram *
flight_take(struct world *w)
{
	struct world_datagram *first = w->flights[0].datagram;
	struct world_flight last = w->flights[--w->flight_count];
	size_t n = 0, child;

	while ((child = 2 * n + 1) < w->flight_count) {
		if (child + 1 < w->flight_count &&
		    is_before(&w->flights[child + 1], &w->flights[child]))
			child++;
		if (is_before(&last, &w->flights[child]))
			break;
		w->flights[n] = w->flights[child];
		n = child;
	}
	w->flights[n] = last;
	return first;
}

/* ---- the network ---- */

/* The host at this address; remote: who it talks to.  WORLD_HOSTS when there is none. */
static unsigned
host_at(const struct world *w, const struct endpoint *at, const struct endpoint *remote)
{
	unsigned cathedral;
	uint8_t listener;
	bool nat_port;

	if (world_find_cathedral(w, at, &cathedral, &listener, &nat_port))
		return cathedral;
	for (unsigned n = 0; n < w->device_count; n++) {
		struct endpoint e = world_outside(&w->devices[n], remote);

		if (endpoint_equal(&e, at))
			return world_host_of_device(n);
	}
	return WORLD_HOSTS;
}

static void
depart(struct world *w, struct world_datagram *d)
{
	uint64_t late = w->line.jitter_ns == 0 ? 0 : random_u64(&w->random) % w->line.jitter_ns;

	flight_add(w, (struct world_flight){ w->now_ns + w->line.delay_ns + late, w->order++, d });
}

static struct world_datagram *
datagram(const struct endpoint *from, const struct endpoint *to, const void *bytes, size_t len)
{
	struct world_datagram *d = malloc(sizeof(*d) + len);

	world_must(d != NULL, "memory for a datagram");
	d->from = *from;
	d->to = *to;
	d->len = len;
	if (len > 0)
		memcpy(d->bytes, bytes, len);
	return d;
}

void
world_post(struct world *w, const struct endpoint *from, const struct endpoint *to,
    const void *bytes, size_t len)
{
	struct world_datagram *d = datagram(from, to, bytes, len);
	unsigned a = host_at(w, from, to), b = host_at(w, to, from);
	uint32_t lost = w->line.lost;

	/* From here on nothing of the caller's is looked at: the tap may have kept it, and let it
	 * go. */
	if (w->tap != NULL)
		w->tap(w, d, w->tap_arg);
	if (a < WORLD_CATHEDRALS && b < WORLD_CATHEDRALS && w->line.lost_between > 0)
		lost += (1000 - lost) * w->line.lost_between / 1000;
	if ((a < WORLD_HOSTS && b < WORLD_HOSTS && w->cut[a][b]) ||
	    random_below(&w->random, 1000) < lost) {
		free(d);
		return;
	}
	if (random_below(&w->random, 1000) < w->line.twice)
		depart(w, datagram(&d->from, &d->to, d->bytes, d->len));
	depart(w, d);
}

void
world_cut(struct world *w, unsigned host_a, unsigned host_b, bool cut)
{
	w->cut[host_a][host_b] = w->cut[host_b][host_a] = cut;
}

void
world_heal(struct world *w)
{
	memset(w->cut, 0, sizeof(w->cut));
}

/* ---- time ---- */

static void
put_into_room(struct world *w, size_t n, const struct world_datagram *d)
{
	struct packet *pkt = &w->room[n];

	/* The daemon's sockets mark what is longer as cut off. */
	packet_reset(pkt, d->len > PACKET_MAX ? 0 : d->len);
	memcpy(pkt->head, d->bytes, pkt->len);
	pkt->from = d->from;
}

/* The batch that begins with the first flight, which goes to this cathedral. */
static void
cathedral_batch(struct world *w, unsigned cathedral)
{
	unsigned worker = world_worker_of(w, cathedral, &w->flights[0].datagram->from);
	uint64_t until_ns = w->flights[0].at_ns + BATCH_NS;
	size_t count = 0;

	while (count < PIPELINE_BATCH && w->flight_count > 0 && w->flights[0].at_ns <= until_ns) {
		struct world_datagram *d = w->flights[0].datagram;
		struct packet *pkt = &w->room[count];
		unsigned to;

		if (!world_find_cathedral(w, &d->to, &to, &pkt->listener, &pkt->nat_port) ||
		    to != cathedral || world_worker_of(w, cathedral, &d->from) != worker)
			break;
		put_into_room(w, count++, d);
		w->now_ns = w->flights[0].at_ns;
		free(flight_take(w));
	}
	world_cathedral_takes(w, cathedral, worker, count);
}

static void
arrive(struct world *w)
{
	struct world_datagram *d = w->flights[0].datagram;
	unsigned host = host_at(w, &d->to, &d->from);

	if (host < WORLD_CATHEDRALS && w->cathedrals[host].site != NULL) {
		cathedral_batch(w, host);
		return;
	}
	flight_take(w);
	if (host >= WORLD_CATHEDRALS && host < WORLD_HOSTS)
		world_device_takes(w, host - WORLD_CATHEDRALS, d);
	free(d);
}

struct due {
	uint64_t at_ns;
	unsigned host; /* or WORLD_HOSTS for the first flight */
};

static void
sooner(struct due *due, uint64_t at_ns, unsigned host)
{
	if (at_ns < due->at_ns)
		*due = (struct due){ at_ns, host };
}

static struct due
next_due(const struct world *w)
{
	struct due due = { UINT64_MAX, WORLD_HOSTS };

	if (w->flight_count > 0)
		due.at_ns = w->flights[0].at_ns;
	for (unsigned n = 0; n < w->cathedral_count; n++)
		sooner(&due, world_cathedral_due(w, n), n);
	for (unsigned n = 0; n < w->device_count; n++)
		if (!w->devices[n].off)
			sooner(&due, device_due(&w->devices[n].d), world_host_of_device(n));
	return due;
}

bool
world_step(struct world *w, uint64_t until_ns)
{
	struct due due = next_due(w);

	if (due.at_ns >= until_ns) {
		/* A batch may have ended a little later. */
		if (until_ns > w->now_ns)
			w->now_ns = until_ns;
		return false;
	}
	if (due.at_ns > w->now_ns)
		w->now_ns = due.at_ns;
	if (due.host == WORLD_HOSTS)
		arrive(w);
	else if (due.host < WORLD_CATHEDRALS)
		world_cathedral_timers(w, due.host);
	else
		world_device_steps(w, due.host - WORLD_CATHEDRALS);
	return true;
}

void
world_run(struct world *w, uint64_t ns)
{
	uint64_t until_ns = w->now_ns + ns;

	while (world_step(w, until_ns))
		;
}
