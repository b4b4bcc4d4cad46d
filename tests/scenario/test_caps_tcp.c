/* SPDX-License-Identifier: ISC */
/*
 * One TCP connection through a cap, at 100 ms there and back: does the burst that a cap allows
 * suffice for it to get what its device pays for?  The sender is CUBIC with SACK (RFC 9438), in
 * virtual time, its packets spread over each round trip; the cap is the real one.
 */
#include "cathedral/state/tunnels.h"
#include "tests/support/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUND_NS (100 * NS_PER_MS)
#define LEN      1400 /* a packet on its way */
#define WARM_S   20   /* the burst of the beginning, and what slow start does with it */
#define RUN_S    120
#define SPI      7

#define CUBIC_C    0.4
#define CUBIC_BETA 0.7
#define RENO_STEP  (3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA))

struct connection {
	double window, threshold, most; /* packets; most: when something was lost last */
	uint64_t lost_ns;               /* when that was */
	double plateau_s;               /* from then until it is there again */
	double reno;                    /* what the older rule would allow */
};

struct line {
	struct tunnels *tunnels;
	struct tunnel_key key;
	uint32_t mbit;
	uint64_t now_ns;
};

static struct random randomness;

static void
listen_here(struct tunnel *t, bool created, void *arg)
{
	(void)arg;
	assert_true(created);
	t->rx_active = SPI;
}

/* Once a second somebody hears of the device. */
static void
stay(struct tunnel *t, bool created, void *arg)
{
	const struct line *l = arg;

	assert_false(created);
	t->seen_ns = l->now_ns;
}

static void
line_open(struct line *l, uint32_t mbit)
{
	*l = (struct line){
		.tunnels = tunnels_create(1024, 16, &randomness),
		.key = { { 0x100 }, { 0x100 }, 0x0102, { 0 } },
		.mbit = mbit,
		.now_ns = 1000 * NS_PER_S,
	};
	assert_non_null(l->tunnels);
	assert_int_equal(tunnels_change(l->tunnels, &l->key, (struct device_id){ 1 }, true,
			     l->now_ns, listen_here, NULL),
	    TUNNELS_OK);
}

static bool
line_takes(struct line *l)
{
	struct tunnel_route route;

	return tunnels_route(l->tunnels, &l->key, (struct device_id){ 1 }, SPI, l->mbit, LEN,
		   l->now_ns, &route) == ROUTE_OK;
}

/* All but two in three lost: what is left is too little to go on with. */
static void
connection_hears(struct connection *c, uint32_t sent, uint32_t lost, uint64_t now_ns)
{
	double t;

	if (lost > 0) {
		c->most = c->window;
		c->lost_ns = now_ns;
		c->plateau_s = cbrt(c->most * (1 - CUBIC_BETA) / CUBIC_C);
		c->window = c->threshold = c->reno = fmax(c->window * CUBIC_BETA, 2);
		if (lost > sent / 3 * 2)
			c->window = c->reno = 2;
		return;
	}
	if (c->window < c->threshold) {
		c->window = c->reno = fmin(c->window * 2, c->threshold);
		return;
	}
	t = (double)(now_ns - c->lost_ns) / 1e9 - c->plateau_s;
	c->reno += RENO_STEP;
	c->window = fmax(c->reno, c->most + CUBIC_C * t * t * t);
}

/* A round trip; returns the bytes that arrived. */
static uint64_t
connection_round(struct connection *c, struct line *l)
{
	uint32_t count = (uint32_t)c->window, lost = 0;
	uint64_t begin_ns = l->now_ns;

	for (uint32_t n = 0; n < count; n++) {
		l->now_ns = begin_ns + ROUND_NS * n / count;
		lost += !line_takes(l);
	}
	l->now_ns = begin_ns + ROUND_NS;
	assert_int_equal(
	    tunnels_change(l->tunnels, &l->key, (struct device_id){ 1 }, false, l->now_ns, stay, l),
	    TUNNELS_OK);
	connection_hears(c, count, lost, l->now_ns);
	return (uint64_t)(count - lost) * LEN;
}

static void
one_connection_gets_it_all(void **state)
{
	static const uint32_t caps[] = { 1, 7, 25, 100, 1000 };

	(void)state;
	for (size_t n = 0; n < sizeof(caps) / sizeof(caps[0]); n++) {
		struct connection c = { .window = 10, .threshold = 1e6 };
		struct line l;
		uint64_t bytes = 0;
		double share;

		line_open(&l, caps[n]);
		for (unsigned i = 0; i < WARM_S * 10; i++)
			connection_round(&c, &l);
		for (unsigned i = 0; i < RUN_S * 10; i++)
			bytes += connection_round(&c, &l);
		share = (double)bytes * 8 / RUN_S / 1e6 / caps[n];
		printf(
		    "# %u Mbit/s, one connection at 100 ms: %.1f %% of it\n", caps[n], share * 100);
		/* A second's worth may have been saved up in the beginning. */
		assert_true(share <= 1 + 1.1 / RUN_S);
		assert_true(share >= 0.95);
		tunnels_destroy(l.tunnels);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_gets_it_all),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
