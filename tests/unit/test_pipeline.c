/* SPDX-License-Identifier: ISC */
/* Packets in, verdicts and packets out: batches, shrouds, and what is left to the scanner. */
#include "cathedral/relay/pipeline.h"

#include "protocol/crypto/aead.h"
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

static int
open_stage(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
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

/* Devices 1 and 2 of flock a, whose tunnel is known here, on these listeners. */
static struct actor one, two;

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

/* ---- shrouds ---- */

static void
an_unknown_identity_is_found_by_the_scanner(void **state)
{
	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
	assert_int_equal(s.tray.count, 0);
	assert_int_equal(stage_look_up(&s), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_scans), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_found), 1);

	/* The packet itself was handled: its answers are there. */
	assert_int_equal(stats_get(&s.scanner_stats.verdicts[VERDICT_CONSUMED]), 1);
	assert_int_equal(s.tray.count, 1);
	assert_int_equal(stage_receive(&s, &one, 0).kind, DEVICE_AMBRY);
	/* From now on the pipeline knows it. */
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stats_get(&s.stats.identity_hits), 0);
}

static void
a_stranger_is_searched_and_not_found(void **state)
{
	uint8_t bytes[700];
	struct arrival in = {
		.from = stage_peer(77), .listener = 1, .bytes = bytes, .len = sizeof(bytes)
	};

	(void)state;
	random_bytes(&s.random, bytes, sizeof(bytes));
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_UNKNOWN_IDENTITY);
	assert_int_equal(stage_look_up(&s), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_scans), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_found), 0);
	assert_int_equal(s.tray.count, 0);
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_UNKNOWN_IDENTITY); /* not remembered */
}

/* Two processes of a device wait; the first that is found is a hint to the second. */
static void
what_became_known_meanwhile_is_not_searched(void **state)
{
	struct actor again;

	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	again = stage_actor(&s, &s.a[0], a, a, 3, 1);
	again.at.port = (uint16_t)(one.at.port + 1);
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
	while (stage_info(&s, &again) == VERDICT_DROP_IDENTITY_BUDGET)
		again.d.seed_id_until_ns = 0; /* by chance it had the same place */
	assert_int_equal(stage_look_up(&s), 2);
	assert_int_equal(stats_get(&s.scanner_stats.identity_scans), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_hits), 1);
	assert_int_equal(stats_get(&s.scanner_stats.identity_found), 2);
	assert_int_equal(stats_get(&s.scanner_stats.verdicts[VERDICT_CONSUMED]), 2);
}

/*
 * Strangers who pretend to be where a device is, at all its ports but its own: they use up the
 * guesses at that address, and still the device is found by its port, or if that changed by the
 * search.
 */
static void
a_flood_from_its_address_does_not_keep_a_device_out(void **state)
{
	uint8_t bytes[700];
	struct arrival in = { .listener = 1, .bytes = bytes, .len = sizeof(bytes) };
	uint64_t scans;

	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	stage_info(&s, &one);
	stage_look_up(&s);
	in.from = one.at;
	for (unsigned n = 0; n < 5000; n++) {
		random_bytes(&s.random, bytes, sizeof(bytes));
		in.from.port = (uint16_t)(2000 + n);
		stage_give(&s, &in);
	}
	stage_look_up(&s);
	scans = stats_get(&s.scanner_stats.identity_scans);
	one.d.seed_id_until_ns = 0;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	one.d.seed_id_until_ns = 0;
	one.at.port = 1999;
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
	assert_int_equal(stage_look_up(&s), 1);
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	/* The scanner has guesses of its own, so it did not even search. */
	assert_int_equal(stats_get(&s.scanner_stats.identity_scans), scans);

	/* Guesses come back with time. */
	stage_pass(&s, NS_PER_S);
	one.d.seed_id_until_ns = 0;
	one.at.port = 1998;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
}

/* A flood from one source makes the scanner work on a few at a time; others still get through. */
static void
a_flood_does_not_keep_others_out(void **state)
{
	uint8_t bytes[700];
	struct arrival in = {
		.from = stage_peer(77), .listener = 1, .bytes = bytes, .len = sizeof(bytes)
	};
	unsigned budget = 0;

	(void)state;
	for (int n = 0; n < 100; n++) {
		random_bytes(&s.random, bytes, sizeof(bytes));
		in.from.port = (uint16_t)(1 + n);
		budget += stage_give(&s, &in) == VERDICT_DROP_IDENTITY_BUDGET;
	}
	assert_in_range(budget, 100 - LOOKUPS_PER_SOURCE, 99);
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	/* By chance it may share a place with one of them: then it asks again. */
	for (int n = 0; n < 20 && stage_info(&s, &one) != VERDICT_CONSUMED; n++)
		assert_in_range(stage_look_up(&s), 1, 1 + LOOKUPS_PER_SOURCE);
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
}

/* After 300 s a device shows another identity: found by where it comes from, without a search. */
static void
the_next_identity_is_found_by_its_source(void **state)
{
	(void)state;
	meet(1, 1);
	one.d.seed_id_until_ns = 0;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stats_get(&s.stats.identity_hits), 1);
	/* Another port, as a NAT gives it: the address alone is enough. */
	one.d.seed_id_until_ns = 0;
	one.at.port = 5555;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stats_get(&s.stats.identity_hits), 2);
	/* Another address: the search again. */
	one.d.seed_id_until_ns = 0;
	one.at = stage_peer(9);
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
	/* But with the identity that is known it may roam. */
	assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
	two.at = stage_peer(10);
	assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
}

/* Data under an identity that nobody proved yet finds it, but does not keep it for good. */
static void
only_offers_prove_an_identity(void **state)
{
	(void)state;
	meet(1, 1);
	one.d.seed_id_until_ns = 0;
	assert_int_equal(identities_count(s.site->identities), 2);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_int_equal(identities_count(s.site->identities), 2);
	stage_pass(&s, NS_PER_S);
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(identities_count(s.site->identities), 3);
}

static void
a_pair_of_flocks_has_shrouds_of_its_own(void **state)
{
	struct actor far = stage_actor(&s, &s.b[0], b, a, 1, 1);

	(void)state;
	one = stage_actor(&s, &s.a[0], a, b, 1, 1);
	stage_info(&s, &one);
	stage_info(&s, &far);
	assert_int_equal(stage_look_up(&s), 2);
	stage_pass(&s, NS_PER_S);
	tray_empty(&s.tray);
	one.d.generation = far.d.generation = s.bundle_pair.generation;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stage_receive(&s, &one, 0).kind, DEVICE_INFO);
	assert_int_equal(stage_data(&s, &far, 500), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &one, 1).kind, DEVICE_DATA);

	/* A liturgy goes under the shroud of the own flock, and so does its answer. */
	assert_int_equal(stage_liturgy(&s, &far), VERDICT_DROP_UNKNOWN_IDENTITY);
	assert_int_equal(stage_look_up(&s), 1);
	assert_int_equal(stage_receive(&s, &far, 2).kind, DEVICE_LITURGY);
}

static void
clear_packets_on_a_shrouded_listener_are_lost(void **state)
{
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;

	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 0);
	device_make_info(&one.d, &m, &p);
	one.listener = 1;
	assert_int_equal(stage_packet(&s, &one, &p), VERDICT_DROP_UNKNOWN_IDENTITY);
	stage_look_up(&s);
	assert_int_equal(s.tray.count, 0);

	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	device_make_info(&one.d, &m, &p);
	one.listener = 0;
	assert_int_not_equal(stage_packet(&s, &one, &p), VERDICT_CONSUMED);
	assert_int_equal(s.tray.count, 0);
}

/* Devices of old neither mark nor pad what they mask. */
static void
old_shrouds_without_padding_are_understood(void **state)
{
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;
	struct kmac_job job;

	(void)state;
	meet(1, 1);
	one.d.config.mtu = 0;
	/* One that ends like padding is lost, as it always was. */
	do {
		device_make_info(&one.d, &m, &p);
		assert_int_equal(p.len, SHROUD_HEADER_SIZE + OFFER_SIZE + 1);
		job = shroud_job(
		    &one.d.mask[0], p.bytes, p.bytes + SHROUD_HEADER_SIZE, OFFER_SIZE + 1);
		kmac_mask(&job, 1);
	} while (p.bytes[p.len - 2] == 0 || p.bytes[p.len - 2] == 0xff);
	/* Masked anew, one byte shorter: the length is part of what makes a mask. */
	job.out_len = OFFER_SIZE;
	kmac_mask(&job, 1);
	p.len--;
	assert_int_equal(stage_packet(&s, &one, &p), VERDICT_CONSUMED);
}

/* ---- batches ---- */

/* What a batch of one kind after the other becomes, each at its place. */
static void
a_batch_is_many_packets(void **state)
{
	static struct packet packets[PIPELINE_BATCH];
	struct packet *batch[PIPELINE_BATCH];
	struct device_moment m = { s.now, &s.random };
	static struct device_packet p;
	uint8_t payload[200];
	size_t data = 0;

	(void)state;
	meet(0, 1);
	for (unsigned n = 0; n < PIPELINE_BATCH; n++) {
		struct actor *who = n % 2 == 0 ? &one : &two;

		memset(payload, (int)n, sizeof(payload));
		if (n % 4 == 3)
			device_make_info(&who->d, &m, &p);
		else
			device_make_data(&who->d, &m, payload, 100 + n, &p);
		if (n % 8 == 6)
			p.bytes[0] ^= 0xff; /* another tunnel */
		batch[n] = &packets[n];
		packet_reset(batch[n], n % 16 == 5 ? 0 : p.len);
		memcpy(batch[n]->head, p.bytes, p.len);
		batch[n]->from = who->at;
		batch[n]->listener = who->listener;
		batch[n]->nat_port = false;
	}
	pipeline_run(s.pipeline, batch, PIPELINE_BATCH, s.now);
	for (unsigned n = 0; n < PIPELINE_BATCH; n++) {
		enum verdict want = n % 4 == 3 ? VERDICT_CONSUMED : VERDICT_RELAYED;

		if (n % 8 == 6)
			want = VERDICT_DROP_NOT_ALLOWED;
		if (n % 16 == 5)
			want = VERDICT_DROP_SIZE;
		assert_string_equal(verdict_name(packets[n].verdict), verdict_name(want));
		data += want == VERDICT_RELAYED;
	}
	assert_int_equal(s.tray.calls, 1);

	/* In the order in which they came, each to its receiver, its content untouched. */
	for (size_t n = 0; n < s.tray.count; n++) {
		struct actor *to = endpoint_equal(&s.tray.sent[n].to, &one.at) ? &one : &two;
		struct device_event ev = stage_receive(&s, to, n);

		if (ev.kind != DEVICE_DATA)
			continue;
		data--;
		assert_int_equal(ev.data.payload[0] + 100, ev.data.len);
		for (size_t k = 1; k < ev.data.len; k++)
			assert_int_equal(ev.data.payload[k], ev.data.payload[0]);
	}
	assert_int_equal(data, 0);
}

/* Trains of packets under one identity, with strangers in between: each is told by its own. */
static void
a_batch_comes_in_trains(void **state)
{
	static struct packet packets[PIPELINE_BATCH];
	struct packet *batch[PIPELINE_BATCH];
	struct device_moment m = { s.now, &s.random };
	static struct device_packet p;
	uint8_t payload[100] = { 0 };

	(void)state;
	meet(1, 1);
	for (unsigned n = 0; n < PIPELINE_BATCH; n++) {
		struct actor *who = n / 5 % 2 == 0 ? &one : &two;

		device_make_data(&who->d, &m, payload, sizeof(payload), &p);
		if (n % 9 == 7)
			p.bytes[15] ^= 1; /* the last byte of its identity */
		batch[n] = &packets[n];
		packet_reset(batch[n], p.len);
		memcpy(batch[n]->head, p.bytes, p.len);
		batch[n]->from = who->at;
		batch[n]->listener = who->listener;
		batch[n]->nat_port = false;
	}
	pipeline_run(s.pipeline, batch, PIPELINE_BATCH, s.now);
	for (unsigned n = 0; n < PIPELINE_BATCH; n++) {
		const struct actor *who = n / 5 % 2 == 0 ? &one : &two;

		if (n % 9 == 7) {
			assert_true(packets[n].verdict == VERDICT_DROP_UNKNOWN_IDENTITY ||
				    packets[n].verdict == VERDICT_DROP_IDENTITY_BUDGET);
			continue;
		}
		assert_string_equal(verdict_name(packets[n].verdict), "relayed");
		assert_int_equal(packets[n].who.device.value, who->d.config.id.value);
		assert_memory_equal(
		    packets[n].shown, who->d.identity[DEVICE_SHROUD_PAIR], SHROUD_IDENTITY_SIZE);
	}
}

static void
nothing_is_a_batch_too(void **state)
{
	(void)state;
	pipeline_run(s.pipeline, NULL, 0, s.now);
	assert_int_equal(s.tray.calls, 0);
}

/* A replay in the same batch is one, too. */
static void
a_batch_is_in_order(void **state)
{
	static struct packet packets[2];
	struct packet *batch[2] = { &packets[0], &packets[1] };
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;

	(void)state;
	meet(0, 0);
	device_make_info(&one.d, &m, &p);
	for (int n = 0; n < 2; n++) {
		packet_reset(batch[n], p.len);
		memcpy(batch[n]->head, p.bytes, p.len);
		batch[n]->from = one.at;
		batch[n]->listener = 0;
		batch[n]->nat_port = false;
	}
	batch[1]->from.port++;
	pipeline_run(s.pipeline, batch, 2, s.now);
	assert_int_equal(packets[0].verdict, VERDICT_CONSUMED);
	assert_int_equal(packets[1].verdict, VERDICT_DROP_REPLAY);
}

/* ---- whoever is gone from the registry ---- */

static void
a_removed_device_is_heard_no_more(void **state)
{
	(void)state;
	for (uint8_t listener = 0; listener < 2; listener++) {
		meet(listener, listener);
		assert_int_equal(stage_data(&s, &two, 100), VERDICT_RELAYED);
		s.a_count = 1; /* devices 2 and 3 go */
		stage_publish(&s);
		tray_empty(&s.tray);
		assert_int_equal(stage_data(&s, &two, 100), VERDICT_DROP_NOT_ALLOWED);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NOT_ALLOWED);
		assert_int_equal(stage_info(&s, &two), VERDICT_DROP_NOT_ALLOWED);
		assert_int_equal(stage_sacrament(&s, &two, 0x02010001), VERDICT_DROP_NOT_ALLOWED);
		assert_int_equal(s.tray.count, 0);
		assert_int_equal(tunnels_count(s.site->tunnels), 1);

		/* Allowed again, it is as any new device. */
		s.a_count = 3;
		stage_publish(&s);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NO_TUNNEL);
		assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	}
}

static void
a_pair_that_is_cut_is_apart_at_once(void **state)
{
	struct actor far = stage_actor(&s, &s.b[0], b, a, 1, 0);

	(void)state;
	one = stage_actor(&s, &s.a[0], a, b, 1, 0);
	stage_info(&s, &one);
	stage_info(&s, &far);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	s.pair = false;
	stage_publish(&s);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NOT_ALLOWED);
	assert_int_equal(stage_info(&s, &far), VERDICT_DROP_NOT_ALLOWED);
	assert_int_equal(tunnels_count(s.site->tunnels), 0);
}

/* A KEK number passes to another device while the old one's tunnel is alive. */
static void
a_number_that_passed_on_is_the_new_device(void **state)
{
	struct actor new;

	(void)state;
	meet(1, 1);
	stage_liturgy(&s, &two);
	s.a[1] = member_make(99, 2, 0, &s.random);
	stage_publish(&s);
	assert_int_equal(tunnels_count(s.site->tunnels), 1);
	assert_int_equal(liturgies_count(s.site->liturgies), 0);
	assert_int_equal(stage_data(&s, &two, 100), VERDICT_DROP_NOT_ALLOWED);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_NO_TUNNEL);

	new = stage_actor(&s, &s.a[1], a, a, 1, 1);
	stage_info(&s, &new);
	stage_look_up(&s);
	tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &new, 0).kind, DEVICE_DATA);
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_STAGE(an_unknown_identity_is_found_by_the_scanner),
		ON_STAGE(a_stranger_is_searched_and_not_found),
		ON_STAGE(what_became_known_meanwhile_is_not_searched),
		ON_STAGE(a_flood_from_its_address_does_not_keep_a_device_out),
		ON_STAGE(a_flood_does_not_keep_others_out),
		ON_STAGE(the_next_identity_is_found_by_its_source),
		ON_STAGE(only_offers_prove_an_identity),
		ON_STAGE(a_pair_of_flocks_has_shrouds_of_its_own),
		ON_STAGE(clear_packets_on_a_shrouded_listener_are_lost),
		ON_STAGE(old_shrouds_without_padding_are_understood),
		ON_STAGE(a_batch_is_many_packets),
		ON_STAGE(a_batch_comes_in_trains),
		ON_STAGE(nothing_is_a_batch_too),
		ON_STAGE(a_batch_is_in_order),
		ON_STAGE(a_removed_device_is_heard_no_more),
		ON_STAGE(a_pair_that_is_cut_is_apart_at_once),
		ON_STAGE(a_number_that_passed_on_is_the_new_device),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
