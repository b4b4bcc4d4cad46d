/* SPDX-License-Identifier: ISC */
/* What cathedrals tell each other, and what they believe. */
#include "tests/support/scene.h"

#include "protocol/crypto/kdf.h"
#include "protocol/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What a cathedral says about the first device. */
struct told {
	struct federation_secret secret;
	struct cosk_secret cosk;
	struct offer offer;
	uint64_t magic;
	bool unsigned_extra;
};

static struct told
told_info(struct world *w)
{
	const struct world_member *m = &w->flocks[0].members[0];

	return (struct told){
		.secret = w->secret,
		.cosk = m->keys.cosk,
		.magic = MAGIC_CATACOMB,
		.offer = {
			.type = OFFER_INFO,
			.timestamp = (uint64_t)world_cathedral_now(w, 1).wall_s,
			.info = {
				.tunnel = tunnel_between(m->number, w->flocks[0].members[1].number),
				.rx_active = 0xa0a11234,
				.instance = 7,
			},
		},
	};
}

static void
expect_told(struct world *w, const struct told *t, const struct endpoint *from,
    const struct endpoint *to, enum verdict v)
{
	struct offer_header h = {
		.magic = t->magic,
		.flock_src = w->flocks[0].id,
		.flock_dst = w->flocks[0].id,
		.spi = w->flocks[0].members[0].id.value,
	};
	uint8_t packet[OFFER_SIZE];
	struct offer_key key;
	struct envelope e;

	random_bytes(&w->random, h.seed, sizeof(h.seed));
	offer_key_catacomb(&key, &t->secret, h.seed, h.flock_src);
	if (t->unsigned_extra)
		envelope_unsigned(&e, &t->offer, &w->random);
	else
		envelope_signed(&e, &t->offer, &t->cosk);
	envelope_seal(packet, &h, &e, &key);
	scene_expect_fate(w, from, to, packet, sizeof(packet), v);
}

static void
cathedrals_are_told_by_cathedrals(void **state)
{
	struct world *w = scene_begin(2, false, 2);
	const struct endpoint *peer = &world_listener(w, 0, 0)->main;
	const struct endpoint *here = &world_listener(w, 1, 0)->main;
	struct endpoint evil, port = *peer, nat = *here;
	struct told right, t;
	struct scene_watch watch;

	(void)state;
	world_open(w);
	scene_run_s(w, 1);
	port.port++;
	nat.port++;
	assert_true(endpoint_parse(&evil, "198.51.100.66:6666"));
	right = told_info(w);
	scene_watch(w, &watch, &evil);
	expect_told(w, &right, &evil, here, VERDICT_DROP_STRANGER);
	expect_told(w, &right, &port, here, VERDICT_DROP_STRANGER);
	expect_told(w, &right, peer, &nat, VERDICT_DROP_WRONG_PORT);
	t = right;
	t.secret.bytes[31] ^= 1;
	expect_told(w, &t, peer, here, VERDICT_DROP_BAD_SEAL);
	t = right;
	t.cosk = w->flocks[0].members[1].keys.cosk;
	expect_told(w, &t, peer, here, VERDICT_DROP_BAD_SIGNATURE);
	t = right;
	t.unsigned_extra = true;
	expect_told(w, &t, peer, here, VERDICT_DROP_BAD_SIGNATURE);
	t = right;
	t.offer.timestamp -= 11;
	expect_told(w, &t, peer, here, VERDICT_DROP_STALE);
	t.offer.timestamp = UINT64_MAX;
	expect_told(w, &t, peer, here, VERDICT_DROP_STALE);
	t = right;
	t.offer.info.tunnel = tunnel_reverse(right.offer.info.tunnel);
	expect_told(w, &t, peer, here, VERDICT_DROP_NOT_ALLOWED);
	t = right;
	t.offer.type = OFFER_P2P_INFO;
	t.unsigned_extra = true;
	memset(&t.offer.p2p, 0, sizeof(t.offer.p2p));
	t.offer.p2p.tunnel = tunnel_reverse(right.offer.info.tunnel);
	expect_told(w, &t, peer, here, VERDICT_DROP_NOT_ALLOWED);
	t.offer.p2p.tunnel = right.offer.info.tunnel;
	expect_told(w, &t, peer, here, VERDICT_CONSUMED);
	t = right;
	t.offer.type = OFFER_REMEMBRANCE;
	expect_told(w, &t, peer, here, VERDICT_DROP_BAD_TYPE);
	/* What a device says does not come from a cathedral's address. */
	t = right;
	t.magic = MAGIC_KATEDRAL;
	expect_told(w, &t, peer, here, VERDICT_DROP_BAD_TYPE);
	assert_int_equal(tunnels_count(w->cathedrals[1].site->tunnels), 0);

	expect_told(w, &right, peer, here, VERDICT_CONSUMED);
	assert_int_equal(tunnels_count(w->cathedrals[1].site->tunnels), 1);
	assert_int_equal(watch.packets, 0);
	scene_end(w);
}

/* Cathedrals talk to each other's first listener; anywhere else they are like anybody. */
static void
cathedrals_talk_to_the_first_listener(void **state)
{
	const struct world_listener clear[] = { { .shrouded = false }, { .shrouded = false } };
	struct world *w = world_create(scene_seed());
	struct told right;

	(void)state;
	for (unsigned n = 0; n < 2; n++)
		world_add_cathedral(w, clear, 2);
	world_add_flock(w);
	for (unsigned n = 0; n < 2; n++)
		world_add_member(w, 0, (uint8_t)(0xa0 + n), 0);
	world_open(w);
	right = told_info(w);
	expect_told(w, &right, &world_listener(w, 0, 0)->main, &world_listener(w, 1, 1)->main,
	    VERDICT_DROP_STRANGER);
	expect_told(w, &right, &world_listener(w, 0, 1)->main, &world_listener(w, 1, 0)->main,
	    VERDICT_DROP_STRANGER);
	expect_told(w, &right, &world_listener(w, 0, 0)->main, &world_listener(w, 1, 0)->main,
	    VERDICT_CONSUMED);
	scene_end(w);
}

/* The device's info as it is answered now: whether it is told to go through the cathedral. */
static bool
is_relayed(struct world *w, unsigned device)
{
	uint64_t answers = w->devices[device].events[DEVICE_INFO];

	scene_send_info(w, device);
	scene_run_s(w, 0.1);
	assert_int_equal(w->devices[device].events[DEVICE_INFO], answers + 1);
	return w->devices[device].info.info.relayed;
}

/* Two that know each other's addresses, and do nothing more of themselves. */
static struct world *
direct_begin(unsigned cathedrals, unsigned peer_cathedral)
{
	struct world *w = scene_begin(cathedrals, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, peer_cathedral);

	for (unsigned n = 0; n < cathedrals; n++)
		w->cathedrals[n].options.p2p_sync = true;
	for (unsigned n = a; n < a + 2; n++) {
		w->devices[n].d.config.direct = true;
		w->devices[n].d.cathedrals[0].nat_port =
		    (uint16_t)(w->devices[n].d.cathedrals[0].at.port + 1);
	}
	world_open(w);
	scene_run_s(w, 41);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	assert_false(is_relayed(w, a));
	assert_false(is_relayed(w, a + 1));
	return w;
}

static struct told
told_p2p(struct world *w, const char *address)
{
	struct told t = told_info(w);
	struct endpoint at;

	assert_true(endpoint_parse(&at, address));
	t.offer.type = OFFER_P2P_INFO;
	t.unsigned_extra = true;
	memset(&t.offer.p2p, 0, sizeof(t.offer.p2p));
	t.offer.p2p.tunnel = w->devices[0].d.config.tunnel;
	endpoint_ipv4(&at, t.offer.p2p.ip);
	t.offer.p2p.port = at.port;
	t.offer.p2p.flags = P2P_USABLE;
	return t;
}

/* Only the cathedral that has a tunnel may say where its device can be reached. */
static void
p2p_infos_are_of_the_one_that_has_it(void **state)
{
	struct world *w = direct_begin(3, 1);
	const struct endpoint *here = &world_listener(w, 1, 0)->main;
	struct told t = told_p2p(w, "198.51.100.1:6666");

	(void)state;
	/* The third cathedral lies about the first one's. */
	expect_told(w, &t, &world_listener(w, 2, 0)->main, here, VERDICT_CONSUMED);
	assert_false(is_relayed(w, 1));
	assert_true(endpoint_equal(&w->devices[1].d.peer, &w->devices[0].at));
	/* The second one lies about what is local. */
	expect_told(w, &t, here, &world_listener(w, 0, 0)->main, VERDICT_CONSUMED);
	assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 2);
	scene_send_info(w, 0);
	scene_run_s(w, 0.1);
	assert_true(endpoint_equal(&w->devices[1].d.peer, &w->devices[0].at));
	/* The first one may say so, and may take it back. */
	expect_told(w, &t, &world_listener(w, 0, 0)->main, here, VERDICT_CONSUMED);
	assert_false(is_relayed(w, 1));
	assert_int_equal(w->devices[1].d.peer.port, 6666);
	t.offer.p2p.flags = 0;
	expect_told(w, &t, &world_listener(w, 0, 0)->main, here, VERDICT_CONSUMED);
	assert_true(is_relayed(w, 1));
	scene_end(w);
}

/* Where a device was seen is no use once it is elsewhere: at another cathedral or address. */
static void
devices_that_leave_are_relayed(void **state)
{
	struct world *w = direct_begin(2, 0);
	struct told t = told_info(w);

	(void)state;
	t.offer.info.instance = w->devices[0].d.instance;
	expect_told(w, &t, &world_listener(w, 1, 0)->main, &world_listener(w, 0, 0)->main,
	    VERDICT_CONSUMED);
	assert_true(is_relayed(w, 1));
	scene_end(w);

	w = direct_begin(2, 0);
	w->devices[0].at.port += 100;
	scene_send_info(w, 0);
	scene_run_s(w, 0.1);
	assert_true(is_relayed(w, 1));
	scene_end(w);
}

/* A cathedral passes nothing on that came from one to another. */
static void
nothing_goes_round(void **state)
{
	struct world *w = scene_begin(3, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1);
	struct device_moment now;
	struct device_packet packet;
	uint8_t payload[50] = { 0 };

	(void)state;
	world_open(w);
	scene_run_s(w, 7);
	now = world_moment(w);
	assert_true(device_make_data(&w->devices[a].d, &now, payload, sizeof(payload), &packet));
	/* The third has neither end. */
	scene_expect_fate(w, &world_listener(w, 0, 0)->main, &world_listener(w, 2, 0)->main,
	    packet.bytes, packet.len, VERDICT_DROP_LOOP);
	scene_end(w);
}

/* An SPI is believed from the cathedral that has the tunnel; the packet itself goes on. */
static void
spis_are_of_the_one_that_has_it(void **state)
{
	struct world *w = scene_begin(3, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1);
	const struct endpoint *here = &world_listener(w, 1, 0)->main;
	struct device *d = &w->devices[a].d;
	uint8_t body[500] = { 0 };
	struct device_exchange x = { .body = body, .len = sizeof(body) };
	struct device_moment now;
	struct device_packet packet;

	(void)state;
	world_open(w);
	scene_run_s(w, 7);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	now = world_moment(w);
	x.new_spi = d->rx_pending = (d->rx_active & 0xffff0000) | 0x7777;
	assert_true(device_make_sacrament(d, &now, &x, &packet));
	w->devices[a + 1].d.tx_spi = x.new_spi;

	scene_expect_fate(
	    w, &world_listener(w, 2, 0)->main, here, packet.bytes, packet.len, VERDICT_RELAYED);
	assert_int_equal(world_stats(w, 1).spi_learned, 0);
	scene_expect_silence(w, a + 1);
	scene_expect_fate(
	    w, &world_listener(w, 0, 0)->main, here, packet.bytes, packet.len, VERDICT_RELAYED);
	assert_int_equal(world_stats(w, 1).spi_learned, 1);
	scene_run_s(w, 0.1);
	assert_int_equal(w->devices[a + 1].events[DEVICE_SACRAMENT], 2);
	scene_end(w);
}

/* Nobody is where a cathedral is, whoever says so: relayed packets would go in circles. */
static void
devices_are_not_where_cathedrals_are(void **state)
{
	struct world *w = scene_begin(2, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	world_open(w);
	scene_run_s(w, 7);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	for (unsigned cathedral = 0; cathedral < 2; cathedral++) {
		for (unsigned n = 0; n < 4; n++) {
			const struct listener *l = world_listener(w, cathedral, n / 2);
			struct endpoint from = l->main;
			struct device_moment now = world_moment(w);
			struct device_packet packet;
			enum verdict want = VERDICT_DROP_SENDER;

			if (n % 2 == 1)
				from.port = l->nat_port;
			/* What comes from there is the other cathedral's, and of the wrong kind. */
			if (cathedral == 1 && n == 0)
				want = VERDICT_DROP_BAD_TYPE;
			/* Its NAT ports are not told. */
			if (cathedral == 1 && n % 2 == 1)
				continue;
			device_make_info(&w->devices[a].d, &now, &packet);
			scene_expect_fate(w, &from, &packet.to, packet.bytes, packet.len, want);
		}
	}
	scene_expect_talk(w, a);
	scene_end(w);
}

/* A device whose both ends are at one address gets nothing back that it has sent. */
static void
nothing_goes_back(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	w->devices[a + 1].at = w->devices[a].at;
	world_open(w);
	scene_run_s(w, 11);
	assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 2);
	scene_expect_silence(w, a);
	scene_expect_verdicts(w, 0, VERDICT_DROP_LOOP, 1);
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cathedrals_are_told_by_cathedrals),
		cmocka_unit_test(cathedrals_talk_to_the_first_listener),
		cmocka_unit_test(devices_that_leave_are_relayed),
		cmocka_unit_test(p2p_infos_are_of_the_one_that_has_it),
		cmocka_unit_test(nothing_goes_round),
		cmocka_unit_test(spis_are_of_the_one_that_has_it),
		cmocka_unit_test(devices_are_not_where_cathedrals_are),
		cmocka_unit_test(nothing_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
