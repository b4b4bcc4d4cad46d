/* SPDX-License-Identifier: ISC */
/* Who sends what is not his to send: repeats, forgeries, wrong addresses, ports and sizes. */
#include "tests/support/answer.h"
#include "tests/support/scene.h"

#include "protocol/crypto/kdf.h"
#include "protocol/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint
attacker(void)
{
	struct endpoint e;

	assert_true(endpoint_parse(&e, "198.51.100.66:6666"));
	return e;
}

static struct device_packet
fresh_info(struct world *w, unsigned device)
{
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	device_make_info(&w->devices[device].d, &now, &packet);
	return packet;
}

/* Two devices that have talked, and do nothing more of themselves. */
static struct world *
hostile_begin_mtu(bool shrouded, size_t mtu)
{
	struct world *w = scene_begin(1, shrouded, 3);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	w->cathedrals[0].options.mtu = mtu;
	world_open(w);
	scene_run_s(w, 11);
	scene_expect_talk(w, a);
	scene_quiet(w, 0);
	scene_quiet(w, 1);
	scene_run_s(w, 1);
	return w;
}

static struct world *
hostile_begin(bool shrouded)
{
	return hostile_begin_mtu(shrouded, 1472);
}

static bool
is_at(const struct world *w, unsigned device, const struct endpoint *at)
{
	const struct device_config *c = &w->devices[device].d.config;
	const struct tunnel_key key = tunnel_key(c->flock, c->flock_dst, c->tunnel);
	struct tunnel t;

	assert_true(tunnels_find(
	    w->cathedrals[0].site->tunnels, &key, world_cathedral_now(w, 0).mono_ns, &t));
	return endpoint_equal(&t.at, at);
}

/* ---- repeats ---- */

static void
replays_change_nothing(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = hostile_begin(shrouded);
		struct endpoint evil = attacker();
		struct device_packet packet = fresh_info(w, 0);
		struct scene_watch watch;

		world_send(w, 0, &packet);
		scene_run_s(w, 0.1);
		scene_watch(w, &watch, &evil);
		scene_expect_packet_fate(w, 0, &packet, VERDICT_DROP_REPLAY);
		for (unsigned n = 0; n < 20; n++, evil.port++)
			scene_expect_fate(
			    w, &evil, &packet.to, packet.bytes, packet.len, VERDICT_DROP_REPLAY);
		assert_int_equal(watch.packets, 0);
		assert_true(is_at(w, 0, &w->devices[0].at));
		scene_expect_talk(w, 0);
		scene_end(w);
	}
}

/* Every byte of an offer counts. */
static void
altered_offers_are_refused(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = hostile_begin(shrouded);
		struct endpoint evil = attacker();
		struct scene_watch watch;
		struct device_packet packet;
		uint64_t accepted = world_verdicts(w, 0, VERDICT_CONSUMED);

		w->devices[0].d.config.mtu = 0;
		scene_watch(w, &watch, &evil);
		packet = fresh_info(w, 0);
		for (size_t n = 0; n < packet.len; n++) {
			/* What marks the end of an offer may change: what follows is padding. */
			if (shrouded && n == packet.len - 1)
				continue;
			packet.bytes[n] ^= (uint8_t)(1 << n % 8);
			world_post(w, &evil, &packet.to, packet.bytes, packet.len);
			packet.bytes[n] ^= (uint8_t)(1 << n % 8);
			scene_run_s(w, 0.01);
		}
		assert_int_equal(world_verdicts(w, 0, VERDICT_CONSUMED), accepted);
		assert_int_equal(watch.packets, 0);
		/* And the one that was not altered is accepted. */
		scene_expect_packet_fate(w, 0, &packet, VERDICT_CONSUMED);
		scene_end(w);
	}
}

/* ---- one answer at most to an address that has not proven itself ---- */

static uint64_t
answers(const struct world_device *dev)
{
	return dev->events[DEVICE_INFO] + dev->events[DEVICE_AMBRY] +
	       dev->events[DEVICE_REMEMBRANCE] + dev->events[DEVICE_LITURGY];
}

static const struct {
	const char *why;
	bool ambry, info, remembrance;
	enum device_event_kind one; /* that comes first */
	unsigned then;              /* how many for the second offer */
} dues[] = {
	{ "all are due", true, true, true, DEVICE_AMBRY, 3 },
	{ "an ambry and a remembrance", true, false, true, DEVICE_AMBRY, 2 },
	{ "an info and a remembrance", false, true, true, DEVICE_INFO, 2 },
	{ "only a remembrance", false, false, true, DEVICE_REMEMBRANCE, 0 },
};

static void
moved_devices_get_one_answer(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2 * sizeof(dues) / sizeof(dues[0]); n++) {
		struct world *w = hostile_begin(n % 2);
		struct world_device *dev = &w->devices[0];
		uint64_t before, one;
		struct scene_watch watch;
		struct device_packet packet;

		if (!dues[n / 2].info)
			scene_run_s(w, 121);
		/* Without the other end there is no info answer; the own one must be known. */
		if (!dues[n / 2].info) {
			scene_send_info(w, 0);
			scene_run_s(w, 0.1);
		}
		if (dues[n / 2].ambry)
			dev->d.generation = 1;
		dev->d.config.remembrance = dues[n / 2].remembrance;
		memcpy(dev->at.ip, attacker().ip, sizeof(dev->at.ip));
		scene_watch(w, &watch, &dev->at);
		before = answers(dev);
		one = dev->events[dues[n / 2].one];
		packet = fresh_info(w, 0);
		world_send(w, 0, &packet);
		scene_run_s(w, 0.1);
		if (watch.packets != 1 || watch.bytes > packet.len || answers(dev) != before + 1 ||
		    dev->events[dues[n / 2].one] != one + 1)
			fail_msg("%s: %lu packets", dues[n / 2].why, (unsigned long)watch.packets);

		if (dues[n / 2].ambry)
			dev->d.generation = 1;
		scene_send_info(w, 0);
		scene_run_s(w, 0.1);
		assert_int_equal(answers(dev), before + 1 + dues[n / 2].then);
		scene_end(w);
	}
}

/* A recorded offer that comes first from elsewhere: one answer, and the next info sets it right. */
static void
stolen_offers_gain_little(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = hostile_begin(shrouded);
		struct endpoint evil = attacker();
		struct scene_watch watch;
		struct device_packet packet;

		w->devices[0].d.config.remembrance = true;
		w->devices[0].d.generation = 1;
		packet = fresh_info(w, 0);
		scene_watch(w, &watch, &evil);
		scene_expect_fate(w, &evil, &packet.to, packet.bytes, packet.len, VERDICT_CONSUMED);
		scene_expect_packet_fate(w, 0, &packet, VERDICT_DROP_REPLAY);
		assert_int_equal(watch.packets, 1);
		assert_true(watch.bytes <= packet.len);
		/* Nor is anything sent there unasked. */
		world_renew(w, 0, 10);
		world_publish(w, 0);
		scene_run_s(w, 0.1);
		assert_int_equal(watch.packets, 1);
		scene_send_info(w, 0);
		scene_run_s(w, 0.1);
		assert_int_equal(watch.packets, 1);
		scene_expect_talk(w, 0);
		scene_end(w);
	}
}

/* From the other cathedral back to this one is a move as well. */
static void
returning_devices_get_one_answer(void **state)
{
	struct world *w = scene_begin(2, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	struct world_device *dev = &w->devices[a];
	uint64_t before;

	(void)state;
	world_add_fallback(w, a, 1, 0);
	dev->d.config.remembrance = true;
	world_open(w);
	scene_run_s(w, 11);
	dev->d.cathedral = 1;
	scene_run_s(w, 11);
	dev->d.cathedral = 0;
	scene_quiet(w, a);
	scene_run_s(w, 1);
	before = answers(dev);
	dev->d.generation = 1;
	scene_send_info(w, a);
	scene_run_s(w, 0.1);
	assert_int_equal(answers(dev), before + 1);
	scene_end(w);
}

/* An old device's shrouded offer ends without a mark: its answer would be a byte longer. */
static void
expect_no_longer_answer(size_t mtu)
{
	struct world *w = hostile_begin_mtu(true, mtu);
	struct device *d = &w->devices[0].d;
	struct scene_watch watch;
	struct device_packet packet;
	struct answer plain;
	struct kmac_job job;

	d->config.mtu = 0;
	do {
		packet = fresh_info(w, 0);
		assert_true(answer_unshroud(&plain, d, DEVICE_SHROUD_PAIR, &packet));
	} while (plain.bytes[OFFER_SIZE - 1] == 0 || plain.bytes[OFFER_SIZE - 1] == 0xff);
	packet.len = SHROUD_HEADER_SIZE + OFFER_SIZE;
	memcpy(packet.bytes + SHROUD_HEADER_SIZE, plain.bytes, OFFER_SIZE);
	job = shroud_job(&d->mask[DEVICE_SHROUD_PAIR], packet.bytes,
	    packet.bytes + SHROUD_HEADER_SIZE, OFFER_SIZE);
	kmac_mask(&job, 1);
	w->devices[0].at.port++;
	scene_watch(w, &watch, &w->devices[0].at);
	scene_expect_packet_fate(w, 0, &packet, VERDICT_CONSUMED);
	assert_int_equal(watch.packets, 0);
	assert_int_equal(world_stats(w, 0).answers_withheld, 1);
	/* With the mark it fits; and in its own place it gets whatever there is. */
	w->devices[0].at.port++;
	packet = fresh_info(w, 0);
	scene_expect_packet_fate(w, 0, &packet, VERDICT_CONSUMED);
	assert_int_equal(watch.packets, 1);
	assert_int_equal(watch.bytes, packet.len);
	scene_end(w);
}

/* Nor where shrouded packets must be so small that no answer fits: who proved it gets one. */
static void
no_answer_is_longer_than_its_offer(void **state)
{
	(void)state;
	expect_no_longer_answer(1472);
	expect_no_longer_answer(576);
}

static void
moved_liturgies_get_one_answer(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = hostile_begin(shrouded);
		struct scene_watch watch;

		w->devices[0].d.config.mtu = 0;
		w->devices[0].d.config.remembrance = true;
		scene_send_liturgy(w, 0);
		scene_run_s(w, 16);
		w->devices[0].at.port++;
		scene_watch(w, &watch, &w->devices[0].at);
		scene_send_liturgy(w, 0);
		scene_run_s(w, 4);
		assert_int_equal(watch.packets, 1);
		assert_true(watch.bytes <= (shrouded ? 672 : 623));
		scene_send_liturgy(w, 0);
		scene_run_s(w, 0.1);
		assert_int_equal(watch.packets, 3);
		scene_end(w);
	}
}

static void
new_tunnels_are_answered_in_full(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = hostile_begin(shrouded);

		scene_run_s(w, 130);
		scene_send_info(w, 1);
		scene_run_s(w, 0.1);
		w->devices[0].d.generation = 1;
		w->devices[0].d.config.remembrance = true;
		memset(w->devices[0].events, 0, sizeof(w->devices[0].events));
		scene_send_info(w, 0);
		scene_run_s(w, 0.1);
		assert_int_equal(w->devices[0].events[DEVICE_INFO], 1);
		assert_int_equal(w->devices[0].events[DEVICE_AMBRY], 1);
		assert_int_equal(w->devices[0].events[DEVICE_REMEMBRANCE], 1);
		scene_end(w);
	}
}

/* ---- data ---- */

static void
data_comes_from_its_sender(void **state)
{
	(void)state;
	for (unsigned check = 0; check < 2; check++) {
		struct world *w = scene_begin(1, false, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);
		struct device_moment now;
		struct endpoint evil = attacker(), port;
		struct device_packet packet;
		uint8_t payload[100] = { 0 };

		w->cathedrals[0].options.sender_check = check;
		world_open(w);
		scene_run_s(w, 11);
		scene_quiet(w, a);
		scene_quiet(w, a + 1);
		now = world_moment(w);
		assert_true(
		    device_make_data(&w->devices[a].d, &now, payload, sizeof(payload), &packet));
		scene_expect_fate(w, &evil, &packet.to, packet.bytes, packet.len,
		    check ? VERDICT_DROP_SENDER : VERDICT_RELAYED);
		port = w->devices[a].at;
		port.port++;
		scene_expect_fate(w, &port, &packet.to, packet.bytes, packet.len,
		    check ? VERDICT_DROP_SENDER : VERDICT_RELAYED);
		/* Its own address, but to another listener than its own. */
		packet.to = world_listener(w, 0, 1)->main;
		scene_expect_packet_fate(w, a, &packet, VERDICT_DROP_UNKNOWN_IDENTITY);
		/* What got through says serial number 0, which nobody had sent yet. */
		assert_int_equal(w->violation[0] != '\0', !check);
		w->violation[0] = '\0';
		scene_end(w);
	}
}

/* Under a shroud the sender is who the shroud says, wherever it is. */
static void
shrouds_name_the_sender(void **state)
{
	struct world *w = hostile_begin(true);
	struct world_end third = { .member = 2, .peer_member = 1 };
	unsigned c = world_add_device(w, &third);
	struct device_moment now = world_moment(w);
	struct device_packet packet;
	struct answer plain;
	size_t serial;

	(void)state;
	w->devices[0].at.port++;
	serial = world_send_data(w, 0, 100);
	scene_run_s(w, 0.1);
	assert_int_equal(world_arrived(w, serial), 1);

	/* Another member's shroud around the first one's packets. */
	scene_send_info(w, c);
	scene_run_s(w, 0.1);
	scene_quiet(w, c);
	now = world_moment(w);
	packet = fresh_info(w, 0);
	assert_true(answer_unshroud(&plain, &w->devices[0].d, DEVICE_SHROUD_PAIR, &packet));
	assert_true(device_make_raw(&w->devices[c].d, &now, plain.bytes, plain.len, &packet));
	scene_expect_packet_fate(w, c, &packet, VERDICT_DROP_SENDER);

	assert_true(device_make_data(&w->devices[0].d, &now, plain.bytes, 100, &packet));
	assert_true(answer_unshroud(&plain, &w->devices[0].d, DEVICE_SHROUD_PAIR, &packet));
	assert_true(device_make_raw(&w->devices[c].d, &now, plain.bytes, plain.len, &packet));
	scene_expect_packet_fate(w, c, &packet, VERDICT_DROP_SENDER);
	scene_end(w);
}

/*
 * One device under the shroud for one pair of flocks, an offer for another inside.  The device of
 * the third flock has the same identity as that of the first, and the offer is truly its own.
 */
static void
shrouds_name_the_flocks(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	struct world_end ends[] = { { .peer_member = 1 }, { .peer_flock = 1 },
		{ .flock = 2, .peer_flock = 1 } };
	unsigned devices[3];
	struct answer plain;
	struct device_packet packet;

	(void)state;
	for (unsigned n = 1; n < 3; n++) {
		world_add_flock(w);
		world_add_member(w, n, (uint8_t)(0xb0 + n), 0);
	}
	w->flocks[2].members[0].id = w->flocks[0].members[0].id;
	world_add_pair(w, 0, 1);
	world_add_pair(w, 1, 2);
	for (unsigned n = 0; n < 3; n++)
		devices[n] = world_add_device(w, &ends[n]);
	world_open(w);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < 3; n++)
		scene_quiet(w, devices[n]);
	for (unsigned shown = 0; shown < 3; shown++) {
		for (unsigned inside = 0; inside < 3; inside++) {
			struct device_moment now = world_moment(w);

			packet = fresh_info(w, devices[inside]);
			assert_true(answer_unshroud(
			    &plain, &w->devices[devices[inside]].d, DEVICE_SHROUD_PAIR, &packet));
			assert_true(device_make_raw(
			    &w->devices[devices[shown]].d, &now, plain.bytes, plain.len, &packet));
			scene_expect_packet_fate(w, devices[shown], &packet,
			    shown == inside ? VERDICT_CONSUMED : VERDICT_DROP_SENDER);
		}
	}
	scene_end(w);
}

/* ---- offers of what is not one's own ---- */

/* An info of the first device, but with these keys, in this name and for this tunnel. */
static void
expect_claim(struct world *w, const struct device_keys *keys, struct device_id id,
    struct tunnel_id tunnel, enum verdict v)
{
	struct device d = w->devices[0].d;
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	d.keys = *keys;
	d.config.id = id;
	d.config.tunnel = tunnel;
	device_make_info(&d, &now, &packet);
	scene_expect_packet_fate(w, 0, &packet, v);
}

static void
offers_are_ones_own(void **state)
{
	struct world *w = hostile_begin(false);
	const struct world_member *a = &w->flocks[0].members[0], *b = &w->flocks[0].members[1];
	struct tunnel_id ab = tunnel_between(a->number, b->number), ba = tunnel_reverse(ab);
	struct device_keys mixed = a->keys;
	struct device_id nobody = { 0x12345678 };

	(void)state;
	expect_claim(w, &a->keys, a->id, ab, VERDICT_CONSUMED);
	expect_claim(w, &a->keys, a->id, ba, VERDICT_DROP_NOT_ALLOWED);
	expect_claim(w, &a->keys, a->id, tunnel_between(0, b->number), VERDICT_DROP_NOT_ALLOWED);
	expect_claim(w, &a->keys, b->id, ba, VERDICT_DROP_BAD_SEAL);
	expect_claim(w, &a->keys, nobody, ab, VERDICT_DROP_NOT_ALLOWED);
	mixed.cosk = b->keys.cosk;
	expect_claim(w, &mixed, a->id, ab, VERDICT_DROP_BAD_SIGNATURE);
	mixed.cs = b->keys.cs;
	expect_claim(w, &mixed, a->id, ab, VERDICT_DROP_BAD_SEAL);
	expect_claim(w, &mixed, b->id, ba, VERDICT_CONSUMED);
	scene_end(w);
}

static void
expect_offer(struct world *w, struct offer_header h, const struct offer *o, uint16_t port_offset,
    enum verdict v)
{
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	device_make_offer(&w->devices[0].d, &now, &h, o, &packet);
	packet.to.port = (uint16_t)(packet.to.port + port_offset);
	scene_expect_packet_fate(w, 0, &packet, v);
}

/* Kinds on ports, types in kinds, flocks in types. */
static void
offers_are_where_they_belong(void **state)
{
	struct world *w = hostile_begin(false);
	const struct device_config *c = &w->devices[0].d.config;
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL, c->flock, c->flock_dst, c->id.value, { 0 }
	};
	struct offer_header probe = h, liturgy = h;
	struct offer info = {
		.type = OFFER_INFO,
		.timestamp = (uint64_t)world_moment(w).now.wall_s,
		.info = { .tunnel = c->tunnel },
	};
	struct offer l = {
		.type = OFFER_LITURGY,
		.timestamp = info.timestamp,
		.liturgy = { .id = tunnel_own(c->tunnel) },
	};
	static const enum offer_type others[] = { OFFER_AMBRY, OFFER_REMEMBRANCE, OFFER_EXCHANGE,
		OFFER_P2P_INFO };

	(void)state;
	probe.magic = MAGIC_CIBORIUM;
	liturgy.flock_dst.value = 0;
	expect_offer(w, h, &info, 0, VERDICT_CONSUMED);
	expect_offer(w, probe, &info, 1, VERDICT_CONSUMED);
	expect_offer(w, liturgy, &l, 0, VERDICT_CONSUMED);

	l.liturgy.id++;
	expect_offer(w, liturgy, &l, 0, VERDICT_DROP_NOT_ALLOWED);
	l.liturgy.id--;
	expect_offer(w, h, &info, 1, VERDICT_DROP_WRONG_PORT);
	expect_offer(w, probe, &info, 0, VERDICT_DROP_WRONG_PORT);
	expect_offer(w, liturgy, &l, 1, VERDICT_DROP_WRONG_PORT);
	expect_offer(w, h, &l, 0, VERDICT_DROP_BAD_TYPE);
	expect_offer(w, liturgy, &info, 0, VERDICT_DROP_BAD_TYPE);
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
		struct offer o = { .type = others[n], .timestamp = info.timestamp };

		if (others[n] == OFFER_P2P_INFO)
			o.p2p.tunnel = c->tunnel;
		expect_offer(w, h, &o, 0, VERDICT_DROP_BAD_TYPE);
		expect_offer(w, liturgy, &o, 0, VERDICT_DROP_BAD_TYPE);
	}
	liturgy.magic = MAGIC_CIBORIUM;
	expect_offer(w, liturgy, &l, 1, VERDICT_DROP_BAD_TYPE);

	h.flock_dst.value ^= 1;
	expect_offer(w, h, &info, 0, VERDICT_DROP_NOT_ALLOWED);
	h.flock_dst.value ^= 0x101;
	expect_offer(w, h, &info, 0, VERDICT_DROP_NOT_ALLOWED);
	/* A probe for a tunnel that is not there. */
	probe.flock_src.value |= 9;
	probe.flock_dst.value |= 9;
	expect_offer(w, probe, &info, 1, VERDICT_DROP_NO_TUNNEL);
	scene_end(w);
}

static void
sizes_and_ports_are_checked(void **state)
{
	static const struct {
		size_t len;
		enum verdict v;
	} cases[] = {
		{ 0, VERDICT_DROP_SIZE },
		{ 49, VERDICT_DROP_SIZE },
		{ 50, VERDICT_RELAYED },
		{ 1522, VERDICT_RELAYED },
		{ 1523, VERDICT_DROP_SIZE },
		{ 1900, VERDICT_DROP_SIZE },
	};
	struct world *w = hostile_begin(false);
	struct device_moment now = world_moment(w);
	struct endpoint from = w->devices[0].at;
	struct device_packet packet;
	uint8_t payload[1900] = { 0 };

	(void)state;
	assert_true(device_make_data(&w->devices[0].d, &now, payload, 1800, &packet));
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		packet.len = cases[n].len;
		scene_expect_packet_fate(w, 0, &packet, cases[n].v);
	}
	packet.len = 100;
	packet.to.port++;
	scene_expect_packet_fate(w, 0, &packet, VERDICT_DROP_WRONG_PORT);
	packet.to.port--;
	from.port = 0;
	scene_expect_fate(w, &from, &packet.to, packet.bytes, packet.len, VERDICT_DROP_SOURCE_PORT);
	packet = fresh_info(w, 0);
	scene_expect_fate(w, &from, &packet.to, packet.bytes, packet.len, VERDICT_DROP_SOURCE_PORT);
	/* An SPI that its receiver has not named. */
	w->devices[0].d.tx_spi &= 0xffff0000;
	assert_true(device_make_data(&w->devices[0].d, &now, payload, 100, &packet));
	scene_expect_packet_fate(w, 0, &packet, VERDICT_DROP_SPI);
	w->violation[0] = '\0'; /* payloads of zeros that arrived were none of the world's */
	scene_end(w);
}

/* A clear packet that fits may not fit any more with a shroud around it. */
static void
shrouds_need_room(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	struct world_end end = { .member = 0, .peer_member = 1 };
	unsigned a = world_add_tunnel(w, &end, 0, 1);
	size_t most = PACKET_MAX - SHROUD_HEADER_SIZE - 1 - DATA_HEADER_SIZE;
	size_t serial;

	(void)state;
	world_open(w);
	scene_run_s(w, 7);
	serial = world_send_data(w, a, most);
	scene_run_s(w, 0.1);
	assert_int_equal(world_arrived(w, serial), 1);
	serial = world_send_data(w, a, most + 1);
	scene_run_s(w, 0.1);
	assert_int_equal(world_arrived(w, serial), 0);
	scene_expect_verdicts(w, 0, VERDICT_DROP_TOO_LARGE, 1);
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_change_nothing),
		cmocka_unit_test(altered_offers_are_refused),
		cmocka_unit_test(moved_devices_get_one_answer),
		cmocka_unit_test(stolen_offers_gain_little),
		cmocka_unit_test(returning_devices_get_one_answer),
		cmocka_unit_test(no_answer_is_longer_than_its_offer),
		cmocka_unit_test(moved_liturgies_get_one_answer),
		cmocka_unit_test(new_tunnels_are_answered_in_full),
		cmocka_unit_test(data_comes_from_its_sender),
		cmocka_unit_test(shrouds_name_the_sender),
		cmocka_unit_test(shrouds_name_the_flocks),
		cmocka_unit_test(offers_are_ones_own),
		cmocka_unit_test(offers_are_where_they_belong),
		cmocka_unit_test(sizes_and_ports_are_checked),
		cmocka_unit_test(shrouds_need_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
