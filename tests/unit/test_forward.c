/* SPDX-License-Identifier: ISC */
/* What is relayed: data and key exchanges, between listeners of both kinds. */
#include "cathedral/relay/forward.h"

#include "protocol/crypto/aead.h"
#include "protocol/wire/header.h"
#include "tests/support/seed.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static struct stage s;
static const struct flock_id a = { STAGE_A }, b = { STAGE_B };
static struct actor one, two;

static int
plan_stage(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
	return 0;
}

static int
open_stage(void **state)
{
	plan_stage(state);
	stage_open(&s);
	return 0;
}

static int
close_stage(void **state)
{
	(void)state;
	stage_close(&s);
	return 0;
}

static void
meet(uint8_t listener_one, uint8_t listener_two)
{
	one = stage_actor(&s, &s.a[0], a, a, 2, listener_one);
	two = stage_actor(&s, &s.a[1], a, a, 1, listener_two);
	stage_info(&s, &one);
	stage_look_up(&s);
	stage_info(&s, &two);
	stage_look_up(&s);
	tray_empty(&s.tray);
}

/* Clear to clear, clear to shrouded and back, shrouded to shrouded: the packet stays the same. */
static void
data_arrives_as_it_was_sent(void **state)
{
	static const size_t sizes[] = { DEVICE_PAYLOAD_MIN, 100, 1000, 1372 - 32 };
	static uint8_t payload[1500];
	struct device_moment m = { s.now, &s.random };
	static struct device_packet p;

	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		meet(way & 1, way >> 1);
		for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
			struct device_event ev;

			random_bytes(&s.random, payload, sizes[n]);
			assert_true(device_make_data(&one.d, &m, payload, sizes[n], &p));
			tray_empty(&s.tray);
			assert_int_equal(stage_packet(&s, &one, &p), VERDICT_RELAYED);
			assert_int_equal(s.tray.count, 1);
			ev = stage_receive(&s, &two, 0);
			assert_int_equal(ev.kind, DEVICE_DATA);
			assert_int_equal(ev.data.len, sizes[n]);
			assert_memory_equal(ev.data.payload, payload, sizes[n]);
			assert_int_equal(ev.data.header.pn, one.d.sent);
		}
	}
}

static void
the_largest_packets_pass(void **state)
{
	(void)state;
	meet(0, 0);
	assert_int_equal(stage_data(&s, &one, PACKET_MAX - DATA_HEADER_SIZE), VERDICT_RELAYED);
	assert_int_equal(s.tray.sent[0].len, PACKET_MAX);
	assert_int_equal(
	    stage_data(&s, &one, PACKET_MAX + 1 - DATA_HEADER_SIZE), VERDICT_DROP_SIZE);
	/* With a shroud, 49 bytes less. */
	meet(1, 1);
	one.d.config.mtu = 0;
	assert_int_equal(stage_data(&s, &one, PACKET_MAX - 49 - DATA_HEADER_SIZE), VERDICT_RELAYED);
	assert_int_equal(s.tray.sent[0].len, PACKET_MAX);
	assert_int_equal(stage_receive(&s, &two, 0).kind, DEVICE_DATA);
}

static void
domains_and_pairs_are_relayed(void **state)
{
	const struct flock_id ways[][2] = { { a, b },
		{ flock_with_domain(a, 5), flock_with_domain(b, 5) },
		{ flock_with_domain(a, 9), flock_with_domain(a, 9) } };

	(void)state;
	for (size_t n = 0; n < 3; n++) {
		const struct member *other = n < 2 ? &s.b[1] : &s.a[1];

		one = stage_actor(&s, &s.a[0], ways[n][0], ways[n][1], 2, 0);
		two = stage_actor(&s, other, ways[n][1], ways[n][0], 1, 0);
		assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NO_TUNNEL);
		assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
		tray_empty(&s.tray);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
		assert_int_equal(stage_receive(&s, &two, 0).kind, DEVICE_DATA);
	}
}

/* What is said in one domain is not heard in another. */
/* A batch of several tunnels' packets: each goes its own way, whoever the one before was of. */
static void
packets_of_a_batch_go_each_its_own_way(void **state)
{
	static const char order[] = "oott99ot9o9"; /* of one, of three, to a number nobody has */
	static struct packet packets[sizeof(order) - 1];
	struct packet *batch[sizeof(order) - 1];
	struct device_moment m = { s.now, &s.random };
	struct actor three, back, nobody;
	size_t sent = 0;

	(void)state;
	meet(0, 0);
	three = stage_actor(&s, &s.a[2], a, a, 1, 0);
	back = stage_actor(&s, &s.a[0], a, a, 3, 0);
	nobody = stage_actor(&s, &s.a[0], a, a, 9, 0);
	stage_info(&s, &three);
	stage_info(&s, &back);
	tray_empty(&s.tray);
	for (size_t n = 0; order[n] != '\0'; n++) {
		struct actor *who = order[n] == 'o' ? &one : order[n] == 't' ? &three : &nobody;
		const uint8_t payload[DEVICE_PAYLOAD_MIN] = { (uint8_t)n };
		struct device_packet made;

		assert_true(device_make_data(&who->d, &m, payload, sizeof(payload), &made));
		batch[n] = &packets[n];
		packet_reset(batch[n], made.len);
		memcpy(batch[n]->head, made.bytes, made.len);
		batch[n]->from = who->at;
	}
	pipeline_run(s.pipeline, batch, sizeof(order) - 1, s.now);
	for (size_t n = 0; order[n] != '\0'; n++) {
		const struct actor *to = order[n] == 'o' ? &two : &back;

		assert_int_equal(batch[n]->verdict,
		    order[n] == '9' ? VERDICT_DROP_NOT_ALLOWED : VERDICT_RELAYED);
		if (order[n] == '9')
			continue;
		assert_true(endpoint_equal(&s.tray.sent[sent].to, &to->at));
		assert_memory_equal(s.tray.sent[sent].bytes, batch[n]->head, batch[n]->len);
		sent++;
	}
	assert_int_equal(s.tray.count, sent);
}

static void
domains_do_not_reach_each_other(void **state)
{
	struct actor apart;

	(void)state;
	meet(0, 0);
	apart = stage_actor(&s, &s.a[0], flock_with_domain(a, 1), a, 2, 0);
	apart.d.tx_spi = one.d.tx_spi;
	assert_int_equal(stage_data(&s, &apart, 100), VERDICT_DROP_NOT_ALLOWED);
	apart.d.config.flock_dst = flock_with_domain(a, 1);
	assert_int_equal(stage_data(&s, &apart, 100), VERDICT_DROP_SENDER);
	assert_int_equal(stage_info(&s, &apart), VERDICT_CONSUMED);
	assert_int_equal(stage_data(&s, &apart, 100), VERDICT_DROP_NO_TUNNEL);
}

static void
it_follows_a_device_that_moves(void **state)
{
	(void)state;
	meet(0, 1);
	two.at = stage_peer(40);
	stage_info(&s, &two);
	tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &two, 0).kind, DEVICE_DATA);

	/* To another listener, and from shroud to clear, too. */
	two = stage_actor(&s, &s.a[1], a, a, 1, 0);
	stage_info(&s, &two);
	tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &two, 0).kind, DEVICE_DATA);
}

static void
a_silent_receiver_is_forgotten_after_120_seconds(void **state)
{
	(void)state;
	meet(0, 0);
	stage_pass(&s, 119 * NS_PER_S);
	stage_info(&s, &one);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	stage_pass(&s, NS_PER_S);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NO_TUNNEL);
}

/* ---- who may send ---- */

static void
clear_data_comes_from_where_its_sender_is(void **state)
{
	struct actor liar;

	(void)state;
	meet(0, 1);
	liar = one;
	liar.at.port++;
	assert_int_equal(stage_data(&s, &liar, 100), VERDICT_DROP_SENDER);
	liar = one;
	liar.at.ip[15]++;
	assert_int_equal(stage_data(&s, &liar, 100), VERDICT_DROP_SENDER);
	assert_int_equal(s.tray.count, 0);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	/* The check asks for the sender's tunnel, which must be alive as well. */
	stage_pass(&s, 119 * NS_PER_S);
	stage_info(&s, &two);
	stage_pass(&s, NS_PER_S);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_SENDER);
}

static void
the_check_may_be_switched_off(void **state)
{
	struct actor other;

	(void)state;
	s.options.sender_check = false;
	stage_open(&s);
	meet(0, 0);
	other = one;
	other.at = stage_peer(40);
	assert_int_equal(stage_data(&s, &other, 100), VERDICT_RELAYED);
	assert_int_equal(stage_sacrament(&s, &other, 0x01020777), VERDICT_RELAYED);
	/* It is no way around the rest. */
	other.d.tx_spi ^= 1;
	assert_int_equal(stage_data(&s, &other, 100), VERDICT_DROP_SPI);
}

/* A shroud proves the sender: wherever it comes from, but for nobody else. */
static void
a_shroud_proves_its_sender_and_no_other(void **state)
{
	struct actor third;

	(void)state;
	meet(1, 1);
	one.at = stage_peer(40);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);

	third = stage_actor(&s, &s.a[2], a, a, 2, 1);
	stage_info(&s, &third);
	stage_look_up(&s);
	third.d.tx_spi = one.d.tx_spi; /* as if it were number 1 */
	assert_int_equal(stage_data(&s, &third, 100), VERDICT_DROP_SENDER);
	assert_int_equal(stage_sacrament(&s, &third, 0x01020777), VERDICT_DROP_SENDER);
	third.d.tx_spi = device_default_spi(a, tunnel_between(2, 3));
	assert_int_equal(stage_data(&s, &third, 100), VERDICT_DROP_NO_TUNNEL);
}

/* ---- key exchanges ---- */

static void
an_exchange_announces_an_spi(void **state)
{
	uint32_t spi = 0x01020abc;

	(void)state;
	for (uint8_t listener = 0; listener < 2; listener++) {
		struct device_event ev;

		meet(listener, listener);
		two.d.tx_spi = spi;
		assert_int_equal(stage_data(&s, &two, 100), VERDICT_DROP_SPI);
		assert_int_equal(stage_sacrament(&s, &one, spi), VERDICT_RELAYED);
		ev = stage_receive(&s, &two, s.tray.count - 1);
		assert_int_equal(ev.kind, DEVICE_SACRAMENT);
		assert_int_equal(ev.sacrament.header.spi, spi);
		assert_int_equal(ev.sacrament.len, 100);
		/* Before any info names it. */
		assert_int_equal(stage_data(&s, &two, 100), VERDICT_RELAYED);
		assert_int_equal(stats_get(&s.stats.spi_learned), listener + 1);
		assert_int_equal(stage_sacrament(&s, &one, spi), VERDICT_RELAYED); /* a repeat */
		assert_int_equal(stats_get(&s.stats.spi_learned), listener + 1);
		stage_pass(&s, 30 * NS_PER_S);
		stage_info(&s, &one); /* another SPI: the learned one was not taken up */
		assert_int_equal(stage_data(&s, &two, 100), VERDICT_DROP_SPI);
	}
}

static void
an_exchange_needs_both_ends(void **state)
{
	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 0);
	two = stage_actor(&s, &s.a[1], a, a, 1, 0);
	assert_int_equal(stage_sacrament(&s, &one, 0x01020001), VERDICT_DROP_NO_TUNNEL);
	stage_info(&s, &one);
	assert_int_equal(stage_sacrament(&s, &one, 0x01020001), VERDICT_DROP_NO_TUNNEL);
	assert_int_equal(stage_sacrament(&s, &two, 0x02010001), VERDICT_DROP_NO_TUNNEL);
	stage_info(&s, &two);
	assert_int_equal(stage_sacrament(&s, &one, 0x01020001), VERDICT_RELAYED);
	assert_int_equal(stage_sacrament(&s, &two, 0x02010001), VERDICT_RELAYED);
	assert_int_equal(stage_sacrament(&s, &two, 0x02090001), VERDICT_DROP_NOT_ALLOWED);
}

/* From elsewhere it is neither relayed nor learned. */
static void
an_exchange_comes_from_where_its_sender_is(void **state)
{
	struct actor liar;

	(void)state;
	meet(0, 0);
	liar = one;
	liar.at.port++;
	assert_int_equal(stage_sacrament(&s, &liar, 0x01020001), VERDICT_DROP_SENDER);
	assert_int_equal(s.tray.count, 0);
	two.d.tx_spi = 0x01020001;
	assert_int_equal(stage_data(&s, &two, 100), VERDICT_DROP_SPI);
}

/* ---- caps ---- */

/* 1 Mbit/s is 125,000 bytes each second of the packet without its shroud, the first second twice.
 */
static void
the_cap_is_the_receivers(void **state)
{
	size_t bytes = 0, size = 500;

	(void)state;
	s.a[0].mbit = 1;
	stage_open(&s);
	for (uint8_t listener = 0; listener < 2; listener++) {
		meet(listener, listener);
		bytes = 0;
		for (int ms = 0; ms < 10000; ms++) {
			if (ms % 5000 == 0)
				stage_info(&s, &one);
			if (stage_data(&s, &two, size - DATA_HEADER_SIZE) == VERDICT_RELAYED)
				bytes += size;
			/* The other way there is none. */
			assert_int_equal(
			    stage_data(&s, &one, size - DATA_HEADER_SIZE), VERDICT_RELAYED);
			stage_pass(&s, NS_PER_MS);
			tray_empty(&s.tray);
		}
		assert_true(bytes <= 11 * 125000);
		assert_true(bytes >= 11 * 125000 - 1000);
		stage_pass(&s, 200 * NS_PER_S); /* another tunnel for the next round */
	}
}

static void
an_exchange_is_not_capped(void **state)
{
	(void)state;
	s.a[0].mbit = 1;
	stage_open(&s);
	meet(0, 0);
	while (stage_data(&s, &two, 1000) == VERDICT_RELAYED)
		tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &two, 1000), VERDICT_DROP_CAP);
	for (int n = 0; n < 1000; n++) {
		tray_empty(&s.tray);
		assert_int_equal(stage_sacrament(&s, &two, 0x02010001), VERDICT_RELAYED);
	}
}

static void
each_tunnel_has_its_own_cap(void **state)
{
	struct actor third;

	(void)state;
	s.a[0].mbit = 1;
	stage_open(&s);
	meet(0, 0);
	one = stage_actor(&s, &s.a[0], a, a, 3, 0);
	third = stage_actor(&s, &s.a[2], a, a, 1, 0);
	stage_info(&s, &one);
	stage_info(&s, &third);
	while (stage_data(&s, &two, 1000) == VERDICT_RELAYED)
		tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &third, 1000), VERDICT_RELAYED);
}

/* The same number in both flocks of a pair: their identities have one base, their keys differ. */
static void
twins_are_told_apart(void **state)
{
	(void)state;
	s.b[0].id = s.a[0].id;
	stage_open(&s);
	one = stage_actor(&s, &s.a[0], a, b, s.b[0].number, 1);
	two = stage_actor(&s, &s.b[0], b, a, s.a[0].number, 1);
	two.at.port++; /* stage_actor() gives both the address of their number */
	for (int n = 0; n < 3; n++) {
		stage_info(&s, &one);
		stage_look_up(&s);
		stage_info(&s, &two);
		stage_look_up(&s);
	}
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
	assert_int_equal(tunnels_count(s.site->tunnels), 2);
	tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &two, 0).kind, DEVICE_DATA);
	assert_int_equal(stage_data(&s, &two, 100), VERDICT_RELAYED);
	assert_int_equal(stage_sacrament(&s, &two, two.d.rx_active), VERDICT_RELAYED);
}

static size_t
sacrament(uint8_t *packet, uint32_t spi)
{
	struct sacrament_header h = { a, a, spi };

	memset(packet, 0x11, 200);
	sacrament_header_encode(&h, packet);
	return 200;
}

static size_t
data(uint8_t *packet, uint32_t spi)
{
	struct data_header h = { .spi = spi, .flock_src = a, .flock_dst = a };

	memset(packet, 0x11, 200);
	data_header_encode(&h, packet);
	return 200;
}

/* Whoever can send from a cathedral's address must not choose what a local device listens to. */
static void
a_cathedral_cannot_teach_spis_of_local_tunnels(void **state)
{
	uint8_t packet[200];
	uint32_t spi;

	(void)state;
	s.peer_count = 1;
	s.peers[0].at = stage_peer(0);
	stage_open(&s);
	meet(0, 0);
	spi = (uint32_t)two.d.config.tunnel.value << 16 | 0x4242;
	stage_from_peer(&s, 0, packet, sacrament(packet, spi));
	assert_int_equal(stage_from_peer(&s, 0, packet, data(packet, spi)), VERDICT_DROP_SPI);
}

/* The setting is about data; SPIs are learned from a tunnel's own address in any case. */
static void
a_stranger_cannot_teach_spis(void **state)
{
	struct arrival in = { .from = stage_peer(77) };
	uint8_t packet[200];
	uint32_t spi;

	(void)state;
	s.options.sender_check = false;
	stage_open(&s);
	meet(0, 0);
	spi = (uint32_t)two.d.config.tunnel.value << 16 | 0x4242;
	in.bytes = packet;
	in.len = sacrament(packet, spi);
	stage_give(&s, &in);
	in.len = data(packet, spi);
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_SPI);
}

/* Else one packet would go round for ever. */
static void
nobody_is_where_a_cathedral_is(void **state)
{
	(void)state;
	s.peer_count = 1;
	s.peers[0].at = stage_peer(0);
	s.peers[0].clear_port = 4600;
	stage_open(&s);
	meet(0, 0);
	one.at = s.options.listeners[0].main;
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_SENDER);
	one.at = stage_peer(0);
	one.at.port = 4600;
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_SENDER);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)
#define PLANNED(test)  cmocka_unit_test_setup_teardown(test, plan_stage, close_stage)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_STAGE(data_arrives_as_it_was_sent),
		ON_STAGE(the_largest_packets_pass),
		ON_STAGE(domains_and_pairs_are_relayed),
		ON_STAGE(packets_of_a_batch_go_each_its_own_way),
		ON_STAGE(domains_do_not_reach_each_other),
		ON_STAGE(it_follows_a_device_that_moves),
		ON_STAGE(a_silent_receiver_is_forgotten_after_120_seconds),
		ON_STAGE(clear_data_comes_from_where_its_sender_is),
		PLANNED(the_check_may_be_switched_off),
		ON_STAGE(a_shroud_proves_its_sender_and_no_other),
		ON_STAGE(an_exchange_announces_an_spi),
		ON_STAGE(an_exchange_needs_both_ends),
		ON_STAGE(an_exchange_comes_from_where_its_sender_is),
		PLANNED(twins_are_told_apart),
		PLANNED(a_cathedral_cannot_teach_spis_of_local_tunnels),
		PLANNED(a_stranger_cannot_teach_spis),
		PLANNED(nobody_is_where_a_cathedral_is),
		PLANNED(the_cap_is_the_receivers),
		PLANNED(an_exchange_is_not_capped),
		PLANNED(each_tunnel_has_its_own_cap),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
