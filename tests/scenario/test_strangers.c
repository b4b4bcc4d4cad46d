/* SPDX-License-Identifier: ISC */
/* Who is not allowed, or not any more; and what one may use up: tables, quotas, the scanner. */
#include "tests/support/answer.h"
#include "tests/support/scene.h"

#include "protocol/crypto/kdf.h"
#include "protocol/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint
stranger(unsigned n)
{
	uint8_t ip[4] = { 198, 51, (uint8_t)(n >> 8), (uint8_t)n };

	return endpoint_from_ipv4(ip, 6666);
}

/* ---- devices that are gone ---- */

static void
removed_devices_are_cut_off(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 3);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0), b = scene_tunnel(w, 1, 2, 0, 0);
		uint64_t infos;

		w->devices[a].d.config.liturgy.on = true;
		world_open(w);
		scene_run_s(w, 11);
		scene_expect_talk(w, a);
		scene_expect_talk(w, b);

		w->flocks[0].members[0].gone = true;
		world_touch(w, 0);
		world_publish(w, 0);
		assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 3);
		assert_int_equal(liturgies_count(w->cathedrals[0].site->liturgies), 0);
		infos = w->devices[a].events[DEVICE_INFO];
		scene_expect_silence(w, a);
		scene_expect_silence(w, a + 1);
		scene_run_s(w, 20);
		scene_expect_silence(w, a);
		scene_expect_silence(w, a + 1);
		assert_int_equal(w->devices[a].events[DEVICE_INFO], infos);
		assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 3);
		scene_expect_talk(w, b);

		/* Back again: as if nothing had been. */
		w->flocks[0].members[0].gone = false;
		world_touch(w, 0);
		world_publish(w, 0);
		scene_run_s(w, 6);
		scene_expect_talk(w, a);
		scene_end(w);
	}
}

/* A flock, or its bundle, may go and come back. */
static void
bundles_come_and_go(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	w->flocks[0].bundle.present = false;
	world_open(w);
	scene_run_s(w, 6);
	assert_false(w->devices[a].d.has_secret);
	scene_expect_talk(w, a);
	for (unsigned n = 0; n < 3; n++) {
		w->flocks[0].bundle.present = true;
		world_touch(w, 0);
		world_publish(w, 0);
		scene_run_s(w, 0.1);
		scene_expect_secret(w, a);
		w->flocks[0].bundle.present = false;
		world_touch(w, 0);
		world_publish(w, 0);
		world_renew(w, 0, 10);
		scene_run_s(w, 6);
		scene_expect_talk(w, a);
	}
	scene_end(w);
}

/* The number passes to another device while the old one's tunnel lives. */
static void
numbers_pass_to_others(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0), heir, heir_device;
		struct world_end end = { .peer_member = 1 };
		size_t serial;

		w->devices[a].d.config.liturgy.on = true;
		w->devices[a + 1].d.config.liturgy.on = true;
		world_open(w);
		scene_run_s(w, 11);
		scene_expect_talk(w, a);

		w->flocks[0].members[0].gone = true;
		heir = world_add_member(w, 0, w->flocks[0].members[0].number, 0);
		world_renew(w, 0, 10);
		world_publish(w, 0);
		/* The peer sends on, to a number that is another's now. */
		serial = world_send_data(w, a + 1, 100);
		scene_run_s(w, 6);
		assert_int_equal(world_arrived(w, serial), 0);
		scene_expect_silence(w, a);

		end.member = heir;
		heir_device = world_add_device(w, &end);
		w->devices[heir_device].d.config.liturgy.on = true;
		w->devices[a].off = true;
		scene_run_s(w, 11);
		assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 2);
		assert_true(kek_set_has(&w->devices[a + 1].liturgy.liturgy.peers, 0xa0));
		scene_expect_talk(w, heir_device);
		scene_expect_secret(w, heir_device);
		scene_end(w);
	}
}

/* ---- catacomb ---- */

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
	struct endpoint evil = stranger(1), port = *peer, nat = *here;
	struct told right, t;
	struct scene_watch watch;

	(void)state;
	world_open(w);
	scene_run_s(w, 1);
	port.port++;
	nat.port++;
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

/* Only the cathedral that has a tunnel may say where its device can be reached. */
static void
p2p_infos_are_of_the_one_that_has_it(void **state)
{
	struct world *w = scene_begin(3, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1);
	struct told t;

	(void)state;
	for (unsigned n = 0; n < 3; n++)
		w->cathedrals[n].options.p2p_sync = true;
	w->devices[a + 1].d.config.direct = true;
	world_open(w);
	scene_run_s(w, 20);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	t = told_info(w);
	t.offer.type = OFFER_P2P_INFO;
	t.unsigned_extra = true;
	memset(&t.offer.p2p, 0, sizeof(t.offer.p2p));
	t.offer.p2p.tunnel = w->devices[a].d.config.tunnel;
	t.offer.p2p.ip[0] = 198;
	t.offer.p2p.port = 6666;
	t.offer.p2p.flags = P2P_USABLE;
	/* The third cathedral lies about the first one's; and so does the first about a local one.
	 */
	expect_told(w, &t, &world_listener(w, 2, 0)->main, &world_listener(w, 1, 0)->main,
	    VERDICT_CONSUMED);
	expect_told(w, &t, &world_listener(w, 1, 0)->main, &world_listener(w, 0, 0)->main,
	    VERDICT_CONSUMED);
	for (unsigned n = a; n < a + 2; n++) {
		uint64_t answers = w->devices[n].events[DEVICE_INFO];

		scene_send_info(w, n);
		scene_run_s(w, 0.1);
		assert_int_equal(w->devices[n].events[DEVICE_INFO], answers + 1);
		assert_true(w->devices[n].info.info.relayed);
	}
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

/* ---- what one may use up ---- */

/* An info of the device for its tunnel number n: peers and domains all the way. */
static struct device_packet
info_for(struct world *w, unsigned device, unsigned n)
{
	struct device d = w->devices[device].d;
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	d.config.flock = flock_with_domain(d.config.flock, (uint8_t)(1 + n / 255));
	d.config.flock_dst = d.config.flock;
	d.config.tunnel = tunnel_between(tunnel_own(d.config.tunnel), (uint8_t)(1 + n % 255));
	device_make_info(&d, &now, &packet);
	return packet;
}

static void
quotas_are_per_device(void **state)
{
	struct world *w = scene_begin(1, false, 3);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	struct device_packet packet;

	(void)state;
	w->cathedrals[0].options.tunnels_per_device = 8;
	world_open(w);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 12; n++) {
			packet = info_for(w, a, 300 * round + n);
			scene_expect_packet_fate(
			    w, a, &packet, n < 8 ? VERDICT_CONSUMED : VERDICT_DROP_QUOTA);
		}
		/* Those that live may go on. */
		packet = info_for(w, a, 300 * round);
		scene_expect_packet_fate(w, a, &packet, VERDICT_CONSUMED);
		/* Others are not concerned. */
		packet = info_for(w, a + 1, 300 * round);
		scene_expect_packet_fate(w, a + 1, &packet, VERDICT_CONSUMED);
		assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 8 + 1);
		/* After two minutes and a round of sweeping it has its eight again. */
		scene_run_s(w, 135);
	}
	scene_end(w);
}

static void
full_tables_refuse_and_recover(void **state)
{
	struct world *w = scene_begin(1, false, 3);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0), b = scene_tunnel(w, 2, 1, 0, 0);
	struct site_options *o = &w->cathedrals[0].options;
	struct device_packet packet;
	uint64_t capacity, refused;

	(void)state;
	o->tunnels_max = 64;
	o->tunnels_per_device = o->offer_rate = 10000;
	world_open(w);
	scene_run_s(w, 6);
	scene_quiet(w, a);
	w->devices[b].off = true;
	capacity = tunnels_capacity(w->cathedrals[0].site->tunnels);
	for (unsigned n = 0; n < 2 * capacity; n++) {
		packet = info_for(w, a, n);
		world_send(w, a, &packet);
	}
	scene_run_s(w, 1);
	refused = world_verdicts(w, 0, VERDICT_DROP_TABLE_FULL);
	assert_true(refused >= capacity - 4);
	assert_true(tunnels_count(w->cathedrals[0].site->tunnels) <= capacity);
	/* What was there before is served on. */
	scene_run_s(w, 20);
	scene_send_info(w, a);
	scene_run_s(w, 0.1);
	scene_expect_talk(w, a);

	scene_run_s(w, 120);
	w->devices[b].off = false;
	w->devices[b].d.info_due_ns = w->now_ns;
	scene_run_s(w, 6);
	scene_expect_talk(w, b);
	assert_int_equal(world_verdicts(w, 0, VERDICT_DROP_TABLE_FULL), refused);
	scene_end(w);
}

static void
offers_are_limited_by_rate_and_memory(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint64_t accepted, full;

	(void)state;
	w->cathedrals[0].options.offer_rate = 100;
	w->cathedrals[0].options.replays_max = 64;
	world_open(w);
	scene_quiet(w, a);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < 1000; n++)
		scene_send_info(w, a);
	scene_run_s(w, 0.9);
	/* A burst of two seconds' worth. */
	scene_expect_verdicts(w, 0, VERDICT_DROP_DEVICE_LIMIT, 800);

	/* At the rate that is allowed the memory for seeds, of about 1,100, fills up. */
	accepted = world_verdicts(w, 0, VERDICT_CONSUMED);
	for (unsigned n = 0; n < 2000; n++) {
		scene_run_s(w, 0.01);
		scene_send_info(w, a);
	}
	scene_run_s(w, 0.1);
	full = world_verdicts(w, 0, VERDICT_DROP_REPLAY_FULL);
	assert_true(full > 500);
	assert_true(world_verdicts(w, 0, VERDICT_CONSUMED) > accepted + 800);
	scene_run_s(w, 25);
	scene_send_info(w, a);
	scene_run_s(w, 0.1);
	scene_expect_verdicts(w, 0, VERDICT_DROP_REPLAY_FULL, full);
	scene_expect_talk(w, a);
	scene_end(w);
}

static void
liturgies_are_bounded(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint64_t refused;

	(void)state;
	w->cathedrals[0].options.liturgies_max = 64;
	w->cathedrals[0].options.offer_rate = 10000;
	world_open(w);
	scene_quiet(w, a);
	for (unsigned n = 0; n < 2 * 256 * 4; n++) {
		struct device d = w->devices[a].d;
		struct device_moment now = world_moment(w);
		struct device_packet packet;

		/* 512 entries and 256 indexes, in as many domains as there are. */
		d.config.flock = flock_with_domain(d.config.flock, (uint8_t)n);
		d.config.liturgy.signalling = n / 256 % 2;
		device_make_liturgy(&d, &now, &packet);
		world_send(w, a, &packet);
	}
	scene_run_s(w, 1);
	refused = world_verdicts(w, 0, VERDICT_DROP_TABLE_FULL);
	assert_true(liturgies_count(w->cathedrals[0].site->liturgies) <= 512);
	/* Domains share shards unevenly: some are full. */
	assert_int_equal(world_verdicts(w, 0, VERDICT_CONSUMED) + refused, 2 * 256 * 4 + 1);
	scene_run_s(w, 130);
	scene_send_liturgy(w, a);
	scene_run_s(w, 0.1);
	assert_true(w->devices[a].liturgy_ns + NS_PER_S > w->now_ns);
	scene_end(w);
}

/* What is shrouded under nobody's identity. */
static void
post_unknown(struct world *w, const struct endpoint *from)
{
	uint8_t bytes[700];

	random_bytes(&w->random, bytes, sizeof(bytes));
	world_post(w, from, &world_listener(w, 0, 0)->main, bytes, sizeof(bytes));
}

static void
lookups_are_bounded(void **state)
{
	struct world *w = scene_begin(1, true, 4);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0), b = scene_tunnel(w, 2, 3, 0, 0);
	struct endpoint evil = stranger(1), ipv6;
	struct stats_sum s;

	(void)state;
	world_open(w);
	w->cathedrals[0].scanner_rests = true;
	w->devices[b].off = w->devices[b + 1].off = true;
	for (unsigned n = 0; n < 1000; n++, evil.port++)
		post_unknown(w, &evil);
	scene_run_s(w, 0.5);
	scene_expect_verdicts(w, 0, VERDICT_DROP_UNKNOWN_IDENTITY, 1 + 2);
	scene_expect_verdicts(w, 0, VERDICT_DROP_IDENTITY_BUDGET, 999);
	/* A whole /64 is one source. */
	assert_true(endpoint_parse(&ipv6, "[2001:db8::1]:1"));
	for (unsigned n = 0; n < 100; n++, ipv6.ip[8 + n % 8]++)
		post_unknown(w, &ipv6);
	scene_run_s(w, 0.5);
	scene_expect_verdicts(w, 0, VERDICT_DROP_UNKNOWN_IDENTITY, 1 + 2 + 1);

	/* The two that belong here are found among them. */
	w->cathedrals[0].scanner_rests = false;
	scene_run_s(w, 1);
	s = world_stats(w, 0);
	assert_int_equal(s.identity_scans, 4);
	assert_int_equal(s.identity_found, 2);
	assert_int_equal(tunnels_count(w->cathedrals[0].site->tunnels), 2);

	/* However many sources there are, so many wait and no more. */
	w->cathedrals[0].scanner_rests = true;
	for (unsigned n = 0; n < 20000; n++) {
		evil = stranger(n);
		post_unknown(w, &evil);
	}
	scene_run_s(w, 0.5);
	s = world_stats(w, 0);
	assert_true(s.verdicts[VERDICT_DROP_IDENTITY_BUDGET] >
		    20000 - w->cathedrals[0].options.lookups_max);
	w->cathedrals[0].scanner_rests = false;
	scene_run_s(w, 6);
	assert_true(world_stats(w, 0).identity_scans - 4 <= w->cathedrals[0].options.lookups_max);
	/* Those known are not troubled, and those new are served. */
	scene_expect_talk(w, a);
	w->devices[b].off = w->devices[b + 1].off = false;
	scene_run_s(w, 6);
	scene_expect_talk(w, b);
	scene_end(w);
}

/* ---- noise ---- */

static size_t
noise(struct world *w, uint8_t bytes[static 1600])
{
	static const uint64_t magics[] = { MAGIC_KATEDRAL, MAGIC_CIBORIUM, MAGIC_CATACOMB,
		MAGIC_SACRAMNT };
	const struct device *d = &w->devices[0].d;
	size_t len = random_below(&w->random, 1600);
	struct offer_header h = {
		.flock_src = d->config.flock,
		.flock_dst = d->config.flock_dst,
		.spi = d->config.id.value,
	};
	struct data_header data = { .spi = d->tx_spi };

	random_bytes(&w->random, bytes, 1600);
	data.flock_src = h.flock_src;
	data.flock_dst = h.flock_dst;
	switch (random_below(&w->random, 6)) {
	case 0:
		break;
	case 1:
		data_header_encode(&data, bytes);
		break;
	default:
		h.magic = magics[random_below(&w->random, 4)];
		offer_header_encode(&h, bytes);
		break;
	}
	return len;
}

static void
noise_is_never_answered(void **state)
{
	struct world *w = scene_begin(2, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1);
	struct endpoint evil = stranger(1);
	struct scene_watch watch;
	uint64_t wrong[2];

	(void)state;
	world_open(w);
	scene_run_s(w, 6);
	scene_watch(w, &watch, &evil);
	for (unsigned n = 0; n < 20000; n++) {
		struct endpoint to = world_listener(w, n % 2, n / 2 % 2)->main;
		uint8_t bytes[1600];
		size_t len = noise(w, bytes);

		to.port = (uint16_t)(to.port + n / 4 % 2);
		evil.port = (uint16_t)random_u64(&w->random);
		world_post(w, &evil, &to, bytes, len);
		if (n % 50 == 0)
			scene_run_s(w, 0.005);
	}
	scene_run_s(w, 1);
	assert_int_equal(watch.packets, 0);
	for (unsigned n = 0; n < 2; n++)
		wrong[n] = world_verdicts(w, n, VERDICT_RELAYED);
	scene_expect_talk(w, a);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(world_verdicts(w, n, VERDICT_RELAYED), wrong[n] + 2);
	assert_int_equal(w->devices[a].events[DEVICE_WRONG_SPI], 0);
	assert_int_equal(w->devices[a].events[DEVICE_BAD_SHROUD], 0);
	scene_end(w);
}

/* ---- number 255, for which a liturgy has no place ---- */

/* The hidden byte behind the list of peers, in what the device is answered. */
struct hidden {
	struct device *d;
	uint64_t answers;
	uint8_t hidden;
};

static void
look_into(struct world *w, const struct world_datagram *datagram, void *arg)
{
	struct hidden *seen = arg;
	struct offer_header h;
	struct offer_key key;
	struct envelope e;
	struct offer o;

	(void)w;
	if (!endpoint_equal(&datagram->from, device_cathedral(seen->d)) ||
	    !offer_header_decode(&h, datagram->bytes, datagram->len) ||
	    h.spi != seen->d->config.id.value)
		return;
	offer_key_device(&key, &seen->d->keys.cs, h.seed, seen->d->config.flock);
	if (!envelope_open(&e, datagram->bytes, datagram->len, &key) ||
	    !offer_data_decode(&o, e.data) || o.type != OFFER_LITURGY)
		return;
	seen->answers++;
	seen->hidden |= o.liturgy.hidden;
}

static void
number_255_is_left_out(void **state)
{
	struct world *w = scene_begin(1, false, 1);
	struct hidden seen = { .d = NULL };
	struct world_end end = { .peer_member = 1 };
	unsigned a;

	(void)state;
	world_add_member(w, 0, 255, 0);
	world_add_member(w, 0, 254, 0);
	a = world_add_tunnel(w, &end, 0, 0);
	end.member = 2;
	world_add_device(w, &end);
	for (unsigned n = 0; n < 3; n++)
		w->devices[n].d.config.liturgy.on = true;
	/* 255 signals to all, which is as well no reason to list it. */
	w->devices[a + 1].d.config.liturgy.signalling = true;
	w->devices[a + 1].d.config.liturgy.peers = kek_set_all();
	seen.d = &w->devices[a].d;
	w->tap = look_into;
	w->tap_arg = &seen;
	world_open(w);
	scene_run_s(w, 11);
	scene_expect_talk(w, a);
	assert_int_equal(seen.answers, 3);
	assert_int_equal(seen.hidden, 0);
	assert_int_equal(kek_set_count(&w->devices[a].liturgy.liturgy.peers), 1);
	assert_true(kek_set_has(&w->devices[a].liturgy.liturgy.peers, 254));
	/* It is told of the others itself. */
	assert_int_equal(kek_set_count(&w->devices[a + 1].liturgy.liturgy.peers), 2);
	assert_true(kek_set_has(&w->devices[a + 1].liturgy.liturgy.peers, 0xa0));
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(removed_devices_are_cut_off),
		cmocka_unit_test(bundles_come_and_go),
		cmocka_unit_test(numbers_pass_to_others),
		cmocka_unit_test(cathedrals_are_told_by_cathedrals),
		cmocka_unit_test(p2p_infos_are_of_the_one_that_has_it),
		cmocka_unit_test(nothing_goes_round),
		cmocka_unit_test(quotas_are_per_device),
		cmocka_unit_test(full_tables_refuse_and_recover),
		cmocka_unit_test(offers_are_limited_by_rate_and_memory),
		cmocka_unit_test(liturgies_are_bounded),
		cmocka_unit_test(lookups_are_bounded),
		cmocka_unit_test(noise_is_never_answered),
		cmocka_unit_test(number_255_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
