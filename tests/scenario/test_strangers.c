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

/* What has expired is no burden, even if nobody has swept it yet. */
static void
expired_tunnels_begin_anew(void **state)
{
	struct world *w = scene_begin(1, false, 3);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	struct device_packet packet;

	(void)state;
	w->cathedrals[0].options.tunnels_per_device = 8;
	w->sweep_ns = 1000000 * NS_PER_S;
	world_open(w);
	scene_quiet(w, a);
	scene_quiet(w, a + 1);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 8; n++) {
			packet = info_for(w, a, n);
			scene_expect_packet_fate(w, a, &packet, VERDICT_CONSUMED);
		}
		packet = info_for(w, a, 8);
		scene_expect_packet_fate(w, a, &packet, VERDICT_DROP_QUOTA);
		scene_run_s(w, 121);
	}
	scene_expect_verdicts(w, 0, VERDICT_CONSUMED, 3 * 8);
	assert_int_equal(world_stats(w, 0).tunnels_created, 3 * 8);
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
	o->offer_rate = 10000;
	o->tunnels_per_device = 1500; /* more than there is room for, less than is asked for */
	world_open(w);
	scene_run_s(w, 6);
	scene_quiet(w, a);
	w->devices[b].off = true;
	capacity = tunnels_capacity(w->cathedrals[0].site->tunnels);
	assert_in_range(capacity, 1001, 1499);
	for (unsigned n = 0; n < 2 * capacity; n++) {
		packet = info_for(w, a, n);
		world_send(w, a, &packet);
	}
	scene_run_s(w, 1);
	refused = world_verdicts(w, 0, VERDICT_DROP_TABLE_FULL);
	assert_true(refused >= capacity - 4);
	scene_expect_verdicts(w, 0, VERDICT_DROP_QUOTA, 0);
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
offers_are_limited_by_rate(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	w->cathedrals[0].options.offer_rate = 100;
	world_open(w);
	scene_quiet(w, a);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < 1000; n++)
		scene_send_info(w, a);
	scene_run_s(w, 0.9);
	/* A burst of two seconds' worth. */
	scene_expect_verdicts(w, 0, VERDICT_DROP_DEVICE_LIMIT, 800);
	for (unsigned n = 0; n < 200; n++) {
		scene_run_s(w, 0.01);
		scene_send_info(w, a);
	}
	scene_expect_verdicts(w, 0, VERDICT_DROP_DEVICE_LIMIT, 800);
	scene_expect_talk(w, a);
	scene_end(w);
}

/* The memory for seeds fills up with a flock's own part of it; the other flock is not concerned. */
static void
offers_are_limited_by_memory(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0), b;
	struct world_end other = { .flock = 1, .peer_flock = 1, .peer_member = 1 };
	uint64_t accepted, refused;

	(void)state;
	world_add_flock(w);
	world_add_member(w, 1, 1, 0);
	world_add_member(w, 1, 2, 0);
	b = world_add_tunnel(w, &other, 0, 0);
	w->cathedrals[0].options.replays_max = 64;
	world_open(w);
	scene_quiet(w, a);
	for (unsigned n = 0; n < 2000; n++) {
		scene_run_s(w, 0.01);
		scene_send_info(w, a);
	}
	scene_run_s(w, 0.1);
	refused = world_verdicts(w, 0, VERDICT_DROP_QUOTA);
	accepted = world_verdicts(w, 0, VERDICT_CONSUMED);
	assert_true(refused > 1000);
	assert_true(accepted > 200);
	scene_expect_verdicts(w, 0, VERDICT_DROP_REPLAY_FULL, 0);
	scene_expect_talk(w, b);
	assert_true(w->devices[b].info_ns + 5 * NS_PER_S > w->now_ns);

	/* Once they are too old to be repeated there is room again. */
	scene_run_s(w, 25);
	refused = world_verdicts(w, 0, VERDICT_DROP_QUOTA);
	scene_send_info(w, a);
	scene_run_s(w, 0.1);
	scene_expect_verdicts(w, 0, VERDICT_DROP_QUOTA, refused);
	scene_expect_talk(w, a);
	scene_end(w);
}

/* One liturgy in each of so many domains from this one on, of both kinds. */
static void
send_liturgies(struct world *w, unsigned device, unsigned first, unsigned domains)
{
	for (unsigned n = 0; n < 2 * domains; n++) {
		struct device d = w->devices[device].d;
		struct device_moment now = world_moment(w);
		struct device_packet packet;

		d.config.flock = flock_with_domain(d.config.flock, (uint8_t)(first + n / 2));
		d.config.liturgy.signalling = n % 2;
		device_make_liturgy(&d, &now, &packet);
		world_send(w, device, &packet);
	}
	scene_run_s(w, 0.1);
}

static void
liturgies_are_bounded(void **state)
{
	struct world *w = scene_begin(1, false, 32);
	const struct site *site;
	uint64_t full;

	(void)state;
	for (unsigned n = 0; n < 32; n++) {
		struct world_end end = { .member = n };

		world_add_device(w, &end);
		scene_quiet(w, n);
	}
	w->cathedrals[0].options.liturgies_max = 64;
	world_open(w);
	site = w->cathedrals[0].site;
	/* A device may have so many. */
	send_liturgies(w, 0, 0, 50);
	assert_int_equal(liturgies_count(site->liturgies), LITURGIES_PER_DEVICE);
	scene_expect_verdicts(w, 0, VERDICT_DROP_QUOTA, 100 - LITURGIES_PER_DEVICE);
	scene_expect_verdicts(w, 0, VERDICT_DROP_TABLE_FULL, 0);
	/* All together have no more than there is room for. */
	for (unsigned n = 1; n < 32; n++)
		send_liturgies(w, n, 8 * n, 32);
	full = world_verdicts(w, 0, VERDICT_DROP_TABLE_FULL);
	assert_true(full > 500);
	assert_true(liturgies_count(site->liturgies) + full == 32 * LITURGIES_PER_DEVICE);
	/* And all is as before when it is over. */
	scene_run_s(w, 135);
	assert_int_equal(liturgies_count(site->liturgies), 0);
	send_liturgies(w, 0, 0, 32);
	assert_int_equal(liturgies_count(site->liturgies), LITURGIES_PER_DEVICE);
	scene_expect_verdicts(w, 0, VERDICT_DROP_TABLE_FULL, full);
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
	uint64_t waiting;

	(void)state;
	world_open(w);
	w->cathedrals[0].scanner_rests = true;
	w->devices[b].off = w->devices[b + 1].off = true;
	for (unsigned n = 0; n < 1000; n++, evil.port++)
		post_unknown(w, &evil);
	scene_run_s(w, 0.5);
	s = world_stats(w, 0);
	assert_in_range(s.verdicts[VERDICT_DROP_UNKNOWN_IDENTITY], 1 + 2, LOOKUPS_PER_SOURCE + 2);
	/* A whole /64 is one source. */
	assert_true(endpoint_parse(&ipv6, "[2001:db8::1]:1"));
	for (unsigned n = 0; n < 100; n++, ipv6.ip[8 + n % 8]++)
		post_unknown(w, &ipv6);
	scene_run_s(w, 0.5);
	s = world_stats(w, 0);
	assert_in_range(
	    s.verdicts[VERDICT_DROP_UNKNOWN_IDENTITY], 1 + 2 + 1, 2 * LOOKUPS_PER_SOURCE + 2);
	waiting = s.verdicts[VERDICT_DROP_UNKNOWN_IDENTITY];

	/* The two that belong here are found among them. */
	w->cathedrals[0].scanner_rests = false;
	scene_run_s(w, 1);
	assert_int_equal(world_stats(w, 0).identity_scans, waiting);
	/* One that by chance had to share a place with strangers comes again. */
	scene_run_s(w, 6);
	s = world_stats(w, 0);
	assert_in_range(s.identity_scans, waiting, waiting + 2);
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
	assert_true(
	    world_stats(w, 0).identity_scans - waiting - 2 <= w->cathedrals[0].options.lookups_max);
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
		MAGIC_SACRAMNT, MAGIC_LETTER };
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
		h.magic = magics[random_below(&w->random, sizeof(magics) / sizeof(magics[0]))];
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
		cmocka_unit_test(quotas_are_per_device),
		cmocka_unit_test(expired_tunnels_begin_anew),
		cmocka_unit_test(full_tables_refuse_and_recover),
		cmocka_unit_test(offers_are_limited_by_rate),
		cmocka_unit_test(offers_are_limited_by_memory),
		cmocka_unit_test(liturgies_are_bounded),
		cmocka_unit_test(lookups_are_bounded),
		cmocka_unit_test(noise_is_never_answered),
		cmocka_unit_test(number_255_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
