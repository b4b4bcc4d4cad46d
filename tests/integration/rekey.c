/* SPDX-License-Identifier: ISC */
/*
 * Both ends of a tunnel under constant traffic that change their keys every few seconds as real
 * devices do: each announces the SPI that it will receive under, again every second; whoever holds
 * the other's announcement sends under that from then on.  Takes the options of cathedral-probe
 * pair.  Prints a line of JSON for each exchange and direction, and what was lost.
 */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-probe/loop.h"
#include "tools/cathedral-probe/meter.h"
#include "tools/cathedral-probe/options.h"
#include "tools/cathedral-probe/sender.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define REGISTER_NS (12 * NS_PER_S)    /* until something comes through both ways */
#define EXCHANGE_NS (6100 * NS_PER_MS) /* another phase of the infos each time */
#define ANNOUNCE_NS NS_PER_S
#define ANNOUNCED   3 /* times */
#define BODY        450
#define SETTLE_NS   (NS_PER_S / 2)

struct end {
	struct sender sender;
	struct meter meter;
	uint32_t new_spi; /* it will receive under, 0: no exchange is on */
	unsigned announced;
	uint64_t announce_ns;
	uint64_t done_ns; /* when it held the other's announcement; 0: traffic came since */
	unsigned exchanges;
	uint64_t refused;
};

struct rekey {
	struct probe probes[2];
	struct end ends[2];
	unsigned turns; /* exchanges begun; their initiators take turns */
	uint64_t exchange_ns, until_ns, end_ns;
};

static struct probe *
probe_of(struct rekey *x, const struct end *e)
{
	return &x->probes[e - x->ends];
}

static void
announce(struct rekey *x, struct end *e, const struct device_moment *m)
{
	static const uint8_t body[BODY];
	struct device_exchange exchange = { e->new_spi, body, sizeof(body) };
	struct device_packet packet;
	struct probe *p = probe_of(x, e);

	if (device_make_sacrament(&p->device, m, &exchange, &packet))
		probe_send(p, &packet);
	e->announced++;
	e->announce_ns = m->now.mono_ns + ANNOUNCE_NS;
}

static void
begin(struct rekey *x, struct end *e, const struct device_moment *m)
{
	const struct device *d = &probe_of(x, e)->device;

	e->new_spi =
	    (uint32_t)d->config.tunnel.value << 16 | (uint32_t)random_below(m->random, 65536);
	e->announced = 0;
	announce(x, e, m);
}

/* From now on it can be reached under its new SPI, and reaches the other under the other's. */
static void
take_sacrament(struct rekey *x, struct end *e, uint32_t spi, const struct device_moment *m)
{
	struct device *d = &probe_of(x, e)->device;

	if (spi == d->tx_spi)
		return; /* announced again */
	if (e->new_spi == 0)
		begin(x, e, m);
	d->rx_pending = e->new_spi;
	d->tx_spi = spi;
	e->done_ns = m->now.mono_ns;
}

static void
take_data(
    struct rekey *x, struct end *e, const struct device_event *ev, const struct device_moment *m)
{
	struct device *d = &probe_of(x, e)->device;
	struct stamp s;

	if (!stamp_read(&s, ev->data.payload, ev->data.len)) {
		e->refused++;
		return;
	}
	if (s.run != x->ends[e == x->ends ? 1 : 0].sender.run)
		return; /* from before the measuring */
	meter_take(&e->meter, &s, ev->data.len, m->now.mono_ns);
	if (d->rx_pending == 0 || ev->data.header.spi != d->rx_pending)
		return;

	printf("{\"event\":\"rekey\",\"device\":\"%s\",\"spi\":\"%08" PRIx32 "\",\"ms\":%.3f}\n",
	    probe_of(x, e)->name, d->rx_pending,
	    (double)(m->now.mono_ns - e->done_ns) / (double)NS_PER_MS);
	d->rx_active = d->rx_pending;
	d->rx_pending = 0;
	e->exchanges++;
}

static void
on_event(
    void *context, struct probe *p, const struct device_event *ev, const struct device_moment *m)
{
	struct rekey *x = context;
	struct end *e = &x->ends[p - x->probes];

	if (ev->kind == DEVICE_DATA) {
		take_data(x, e, ev, m);
	} else if (ev->kind == DEVICE_SACRAMENT) {
		take_sacrament(x, e, ev->sacrament.header.spi, m);
	} else if (device_refused(ev->kind)) {
		printf("{\"event\":\"refused\",\"device\":\"%s\",\"why\":\"%s\"}\n", p->name,
		    device_event_name(ev->kind));
		e->refused++;
	}
}

static void
on_moved(void *context, struct probe *p, const struct device_moment *m)
{
	(void)context;
	(void)m;
	fprintf(stderr, "test-rekey: %s moved to another cathedral\n", p->name);
	exit(EXIT_FAILURE);
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The next exchange, and announcements again. */
static uint64_t
exchange_turn(struct rekey *x, const struct device_moment *m)
{
	uint64_t next_ns;

	if (m->now.mono_ns >= x->exchange_ns && m->now.mono_ns + EXCHANGE_NS < x->until_ns) {
		x->ends[0].new_spi = x->ends[1].new_spi = 0;
		begin(x, &x->ends[x->turns++ % 2], m);
		x->exchange_ns = m->now.mono_ns + EXCHANGE_NS;
	}
	next_ns = x->exchange_ns > m->now.mono_ns ? x->exchange_ns : x->until_ns;
	for (size_t i = 0; i < 2; i++) {
		struct end *e = &x->ends[i];

		if (e->new_spi == 0 || e->announced == ANNOUNCED)
			continue;
		if (m->now.mono_ns >= e->announce_ns)
			announce(x, e, m);
		next_ns = earlier(next_ns, e->announce_ns);
	}
	return next_ns;
}

static uint64_t
turn_measuring(void *context, const struct device_moment *m)
{
	struct rekey *x = context;
	uint64_t wake_ns = x->end_ns;

	if (m->now.mono_ns >= x->end_ns)
		return LOOP_DONE;
	if (m->now.mono_ns < x->until_ns) {
		wake_ns = exchange_turn(x, m);
		for (size_t i = 0; i < 2; i++)
			wake_ns =
			    earlier(wake_ns, sender_turn(&x->ends[i].sender, &x->probes[i], m));
	}
	return wake_ns;
}

/* Until both hear each other; what is lost before that is nobody's fault. */
static uint64_t
turn_registering(void *context, const struct device_moment *m)
{
	struct rekey *x = context;
	uint64_t wake_ns = x->until_ns;

	if (m->now.mono_ns >= x->until_ns ||
	    (x->ends[0].meter.run != 0 && x->ends[1].meter.run != 0))
		return LOOP_DONE;
	for (size_t i = 0; i < 2; i++)
		wake_ns = earlier(wake_ns, sender_turn(&x->ends[i].sender, &x->probes[i], m));
	return wake_ns;
}

static void
run_phase(struct rekey *x, uint64_t (*turn)(void *, const struct device_moment *), uint64_t for_ns,
    const struct options *o, struct device_moment *m)
{
	struct loop_user user = { x, on_event, on_moved, turn };

	m->now = clock_now();
	x->until_ns = m->now.mono_ns + for_ns;
	x->end_ns = x->until_ns + SETTLE_NS;
	x->exchange_ns = m->now.mono_ns + NS_PER_S;
	for (size_t i = 0; i < 2; i++) {
		x->ends[i] = (struct end){ .sender = sender_new(m, o->rate, o->size, false) };
		meter_start(&x->ends[i].meter, m->now.mono_ns);
	}
	probes_run(x->probes, 2, &user, m);
}

/* Whether everything came, once, and every exchange brought traffic under the new SPIs. */
static bool
report(struct rekey *x)
{
	bool good = true;

	for (size_t i = 0; i < 2; i++) {
		struct end *e = &x->ends[i];
		uint64_t sent = x->ends[1 - i].sender.sent;

		printf("{\"event\":\"summary\",\"device\":\"%s\",\"exchanges\":%u,\"begun\":%u,"
		       "\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"duplicates\":%" PRIu64
		       ",\"reordered\":%" PRIu64 ",\"refused\":%" PRIu64 "}\n",
		    x->probes[i].name, e->exchanges, x->turns, sent, e->meter.received,
		    e->meter.duplicates, e->meter.reordered, e->refused);
		good = good && e->exchanges == x->turns && e->meter.received == sent &&
		       e->meter.duplicates == 0 && e->refused == 0;
	}
	return good;
}

static bool
run(struct rekey *x, const struct options *o, struct device_moment *m, struct fault *why)
{
	x->probes[1].socket = -1;
	if (!probe_open(&x->probes[0], "a", o, &o->ends[0], m, why) ||
	    !probe_open(&x->probes[1], "b", o, &o->ends[1], m, why))
		return false;
	run_phase(x, turn_registering, REGISTER_NS, o, m);
	if (x->ends[0].meter.run == 0 || x->ends[1].meter.run == 0)
		return fault_set(why, "nothing came through in time");
	run_phase(x, turn_measuring, o->duration_ns, o, m);
	return report(x) || fault_set(why, "lost, doubled or refused packets, or exchanges");
}

int
main(int argc, char **argv)
{
	struct rekey *x = calloc(1, sizeof(*x));
	struct random *r = secret_alloc(sizeof(*r));
	struct device_moment m = { .now = clock_now(), .random = r };
	struct options o;
	struct fault why;
	bool help, good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (x == NULL || r == NULL || !aead_init() ||
	    !options_parse(&o, argc, argv, FOR_PAIR, &help, &why) || help) {
		fprintf(stderr, "test-rekey: wrong options\n");
		return 2;
	}
	random_from_system(r);
	good = run(x, &o, &m, &why);
	if (!good)
		fprintf(stderr, "test-rekey: %s\n", why.text);
	for (size_t i = 0; i < 2; i++)
		probe_close(&x->probes[i]);
	secret_free(r, sizeof(*r));
	free(x);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
