/* SPDX-License-Identifier: ISC */
/* Devices find each other: tunnels and liturgies, in flocks and between them, on every listener. */
#include "tests/support/scene.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
two_devices_talk(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 0);
		const struct listener *l = world_listener(w, 0, 0);

		world_open(w);
		scene_run_s(w, 7);
		scene_expect_talk(w, a);
		scene_expect_secret(w, a);
		assert_true(w->devices[a].info.info.relayed);
		assert_true(endpoint_equal(&w->devices[a].info.info.peer, &l->main));
		assert_true(endpoint_equal(&w->devices[a].info.info.local, &w->devices[a].at));
		assert_int_equal(world_stats(w, 0).tunnels_created, 2);
		scene_end(w);
	}
}

/* Every kind of listener at one cathedral, and a tunnel from each to each. */
static void
every_listener_reaches_every_other(void **state)
{
	const struct world_listener listeners[] = {
		{ .shrouded = true },
		{ .shrouded = false },
		{ .shrouded = true, .ipv6 = true },
		{ .shrouded = false, .ipv6 = true },
	};
	struct world *w = world_create(scene_seed());
	unsigned tunnels[16];

	(void)state;
	world_add_cathedral(w, listeners, 4);
	world_add_flock(w);
	for (unsigned n = 0; n < 16; n++) {
		struct world_end end = {
			.member = world_add_member(w, 0, (uint8_t)(1 + 2 * n), 25),
			.peer_member = world_add_member(w, 0, (uint8_t)(2 + 2 * n), 25),
			.listener = n / 4,
		};

		tunnels[n] = world_add_tunnel(w, &end, 0, n % 4);
	}
	world_open(w);
	scene_run_s(w, 12);
	for (unsigned n = 0; n < 16; n++) {
		scene_expect_talk(w, tunnels[n]);
		scene_expect_secret(w, tunnels[n]);
	}
	scene_end(w);
}

/* The other's packets, put into the mouth of this device, do not pass. */
static void
expect_forged(struct world *w, unsigned from, unsigned to, enum verdict v)
{
	struct device *d = &w->devices[from].d, *victim = &w->devices[to].d;
	struct device_moment now = world_moment(w);
	uint64_t before = world_verdicts(w, 0, v), got = w->devices[to].data;
	struct data_header h = {
		.spi = victim->rx_active,
		.seq = 1,
		.pn = 1,
		.flock_src = d->config.flock,
		.flock_dst = victim->config.flock,
	};
	uint8_t bytes[100] = { 0 };
	struct device_packet packet;

	data_header_encode(&h, bytes);
	assert_true(device_make_raw(d, &now, bytes, sizeof(bytes), &packet));
	world_send(w, from, &packet);
	scene_run_s(w, 0.1);
	assert_int_equal(world_verdicts(w, 0, v), before + 1);
	assert_int_equal(w->devices[to].data, got);
}

static void
domains_are_apart(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 2);
		struct world_end end = { .member = 0, .peer_member = 1 };
		unsigned tunnels[3];

		/* The same two members thrice: what one tunnel carries is not the others'. */
		for (uint8_t domain = 0; domain < 3; domain++) {
			end.domain = domain;
			tunnels[domain] = world_add_tunnel(w, &end, 0, 0);
		}
		world_open(w);
		scene_run_s(w, 7);
		for (unsigned n = 0; n < 3; n++) {
			scene_expect_talk(w, tunnels[n]);
			scene_expect_secret(w, tunnels[n]);
		}
		expect_forged(w, tunnels[0], tunnels[1] + 1, VERDICT_DROP_NOT_ALLOWED);
		expect_forged(w, tunnels[2], tunnels[0] + 1, VERDICT_DROP_NOT_ALLOWED);
		scene_end(w);
	}
}

/* Two flocks that may talk, a third that may not; within and between at the same time. */
static void
flocks_talk_as_they_may(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(1, shrouded, 2);
		struct world_end within = { .member = 0, .peer_member = 1 };
		struct world_end between = { .member = 0, .peer_flock = 1 };
		struct world_end barred = { .member = 0, .peer_flock = 2 };
		unsigned a, b, c;

		for (unsigned n = 1; n < 3; n++) {
			world_add_flock(w);
			/* The same number as in the first flock: still another device. */
			world_add_member(w, n, 0xa0, 0);
		}
		world_add_pair(w, 0, 1);
		a = world_add_tunnel(w, &within, 0, 0);
		b = world_add_tunnel(w, &between, 0, 0);
		c = world_add_tunnel(w, &barred, 0, 0);
		world_open(w);
		scene_run_s(w, 7);
		scene_expect_talk(w, a);
		scene_expect_talk(w, b);
		scene_expect_secret(w, a);
		scene_expect_secret(w, b);
		assert_memory_not_equal(
		    w->devices[a].d.secret.bytes, w->devices[b].d.secret.bytes, 32);

		scene_expect_silence(w, c);
		scene_expect_silence(w, c + 1);
		assert_int_equal(w->devices[c].events[DEVICE_INFO], 0);
		assert_int_equal(w->devices[c].events[DEVICE_AMBRY], 0);
		if (!shrouded)
			expect_forged(w, a, c + 1, VERDICT_DROP_NOT_ALLOWED);

		/* What was allowed ends. */
		w->pairs[0].cut = true;
		world_publish(w, 0);
		scene_expect_silence(w, b);
		scene_expect_silence(w, b + 1);
		scene_expect_talk(w, a);
		w->pairs[0].cut = false;
		world_publish(w, 0);
		scene_run_s(w, 10);
		scene_expect_talk(w, b);
		scene_end(w);
	}
}

/* One identity number in both flocks of a pair: their shrouds show identities of one base. */
static void
twins_talk(void **state)
{
	struct world *w = scene_begin(2, true, 2);
	struct world_end between = { .peer_flock = 1 },
			 with_other = { .member = 1, .peer_flock = 1 };
	unsigned a, b;

	(void)state;
	world_add_flock(w);
	world_add_member(w, 1, 0xa0, 0);
	w->flocks[1].members[0].id = w->flocks[0].members[0].id;
	world_add_pair(w, 0, 1);
	a = world_add_tunnel(w, &between, 1, 0);
	b = world_add_tunnel(w, &with_other, 1, 0);
	for (unsigned n = a; n < b + 2; n++)
		w->devices[n].d.config.liturgy.on = true;
	world_open(w);
	scene_run_s(w, 20);
	scene_expect_talk(w, a);
	scene_expect_talk(w, b);
	scene_expect_secret(w, a);
	/* At the same cathedral, and with new identities from one address. */
	memcpy(w->devices[a + 1].at.ip, w->devices[a].at.ip, 16);
	for (unsigned n = a; n < b + 2; n++) {
		w->devices[n].d.cathedrals[0].at = world_listener(w, 0, 0)->main;
		w->devices[n].d.seed_id_until_ns = 0;
	}
	scene_run_s(w, 20);
	scene_expect_talk(w, a);
	scene_expect_talk(w, b);
	scene_expect_verdicts(w, 0, VERDICT_DROP_SENDER, 0);
	scene_expect_verdicts(w, 0, VERDICT_DROP_BAD_SEAL, 0);
	scene_end(w);
}

/* ---- liturgies ---- */

/* Members 0 to 7 of group 1 or 2, and whom each is told of. */
static const struct {
	uint16_t group;
	uint8_t domain;
	bool signalling, hidden;
	const char *calls, *told; /* digits of members */
} church[] = {
	{ 1, 0, false, false, "",
	    "12356"
	    "7" },
	{ 1, 0, false, false, "", "023567" },
	{ 1, 0, false, true, "", "01567" },
	{ 1, 0, false, true, "", "01567" },
	{ 2, 0, false, false, "", "" },
	{ 1, 0, true, false, "6", "01236" },
	{ 1, 0, true, false, "", "01235" },
	{ 1, 0, true, false, "4", "0123" },
	{ 1, 5, false, false, "", "9" },
	{ 1, 5, false, false, "", "8" },
};

#define CHURCH (sizeof(church) / sizeof(church[0]))

static void
expect_told(const struct world *w, unsigned member)
{
	const struct world_device *dev = &w->devices[member];

	assert_true(dev->liturgy_ns > 0);
	assert_int_equal(dev->liturgy.liturgy.group, church[member].group);
	assert_int_equal(kek_set_count(&dev->liturgy.liturgy.peers), strlen(church[member].told));
	for (const char *at = church[member].told; *at != '\0'; at++)
		if (!kek_set_has(&dev->liturgy.liturgy.peers, (uint8_t)(0xa0 + *at - '0')))
			fail_msg("member %u is not told of member %c", member, *at);
}

static void
add_liturgist(struct world *w, unsigned member, unsigned cathedral, unsigned listener)
{
	struct world_end end = {
		.member = member,
		.domain = church[member].domain,
		.cathedral = cathedral,
		.listener = listener,
	};
	struct device_config *c = &w->devices[world_add_device(w, &end)].d.config;

	c->info = false;
	c->liturgy.on = true;
	c->liturgy.group = church[member].group;
	c->liturgy.signalling = church[member].signalling;
	c->liturgy.hidden = church[member].hidden;
	for (const char *at = church[member].calls; *at != '\0'; at++)
		kek_set_add(&c->liturgy.peers, (uint8_t)(0xa0 + *at - '0'));
}

static void
liturgies_gather(void **state)
{
	(void)state;
	for (unsigned cathedrals = 1; cathedrals <= 3; cathedrals++) {
		for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
			struct world *w = scene_begin(cathedrals, shrouded, CHURCH);

			for (unsigned n = 0; n < CHURCH; n++)
				add_liturgist(w, n, n % cathedrals, n % 2);
			world_open(w);
			scene_run_s(w, 11);
			for (unsigned n = 0; n < CHURCH; n++)
				expect_told(w, n);
			scene_end(w);
		}
	}
}

/* One that talks to another flock is present in its own, under the shroud of its own. */
static void
liturgies_are_of_the_own_flock(void **state)
{
	struct world *w = scene_begin(1, true, 2);
	struct world_end between = { .member = 0, .peer_flock = 1 };
	struct world_end other = { .member = 1 };
	unsigned a, b;

	(void)state;
	world_add_flock(w);
	world_add_member(w, 1, 0xa1, 0);
	world_add_pair(w, 0, 1);
	a = world_add_tunnel(w, &between, 0, 0);
	b = world_add_device(w, &other);
	w->devices[a].d.config.liturgy.on = true;
	w->devices[a + 1].d.config.liturgy.on = true;
	w->devices[b].d.config.liturgy.on = true;
	w->devices[b].d.config.info = false;
	world_open(w);
	scene_run_s(w, 11);
	scene_expect_talk(w, a);
	assert_true(kek_set_has(&w->devices[a].liturgy.liturgy.peers, 0xa1));
	assert_true(kek_set_has(&w->devices[b].liturgy.liturgy.peers, 0xa0));
	assert_true(w->devices[a + 1].liturgy_ns > 0);
	assert_int_equal(kek_set_count(&w->devices[a + 1].liturgy.liturgy.peers), 0);
	scene_end(w);
}

/* ---- cathedrals ---- */

/* A cathedral lists itself, then the others, each by its listener of the kind that is asked. */
static void
remembrances_list_cathedrals(void **state)
{
	(void)state;
	for (unsigned listener = 0; listener < 2; listener++) {
		struct world *w = scene_begin(3, true, 2);
		struct world_end end = { .peer_member = 1, .cathedral = 1, .listener = listener };
		unsigned a = world_add_tunnel(w, &end, 1, listener);
		const struct remembrance *r = &w->devices[a].remembrance.remembrance;
		const unsigned order[] = { 1, 0, 2 };

		w->devices[a].d.config.remembrance = true;
		world_open(w);
		scene_run_s(w, 1);
		assert_int_equal(w->devices[a].events[DEVICE_REMEMBRANCE], 1);
		assert_int_equal(r->count, 3);
		for (unsigned n = 0; n < 3; n++) {
			struct endpoint at =
			    endpoint_from_ipv4(r->cathedrals[n].ip, r->cathedrals[n].port);

			assert_true(
			    endpoint_equal(&at, &world_listener(w, order[n], listener)->main));
		}
		assert_int_equal(w->devices[a + 1].events[DEVICE_REMEMBRANCE], 0);
		scene_end(w);
	}
}

static void
cathedrals_relay_for_each_other(void **state)
{
	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		struct world *w = scene_begin(3, shrouded, 3);
		unsigned a = scene_tunnel(w, 0, 1, 0, 1), b = scene_tunnel(w, 1, 2, 1, 2);
		unsigned c = scene_tunnel(w, 2, 0, 2, 0);

		world_open(w);
		scene_run_s(w, 7);
		scene_expect_talk(w, a);
		scene_expect_talk(w, b);
		scene_expect_talk(w, c);
		scene_expect_secret(w, a);
		/* They cannot be told where the other end is, and relay without saying so. */
		assert_int_equal(w->devices[a].events[DEVICE_INFO], 0);
		scene_end(w);
	}
}

/* Forty devices at the same moment, three answers for each, three cathedrals to be told. */
static void
crowds_are_answered(void **state)
{
	const struct world_listener clear = { .shrouded = false };
	struct world *w = world_create(scene_seed());

	(void)state;
	for (unsigned n = 0; n < 4; n++)
		world_add_cathedral(w, &clear, 1);
	world_add_flock(w);
	for (unsigned n = 0; n < 32; n++)
		world_add_member(w, 0, (uint8_t)(1 + n), 0);
	for (unsigned n = 0; n < 20; n++)
		scene_tunnel(w, n, n + 12, 0, 0);
	for (unsigned n = 0; n < w->device_count; n++) {
		w->devices[n].d.config.remembrance = true;
		w->devices[n].d.info_due_ns = 0;
	}
	world_open(w);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < w->device_count; n++) {
		assert_true(w->devices[n].d.has_secret);
		assert_int_equal(w->devices[n].events[DEVICE_AMBRY], 1);
		assert_int_equal(w->devices[n].events[DEVICE_REMEMBRANCE], 1);
	}
	for (unsigned n = 1; n < 4; n++) {
		assert_int_equal(world_stats(w, n).federated_in, 2 * w->device_count);
		assert_int_equal(tunnels_count(w->cathedrals[n].site->tunnels), w->device_count);
	}
	for (unsigned n = 0; n < w->device_count; n += 2)
		scene_expect_talk(w, n);
	scene_end(w);
}

/* ---- ambries ---- */

/* The ambry for a number that nobody has is read from the whole bundle. */
static void
ambries_come_from_disk(void **state)
{
	struct scratch s = scratch_make();
	struct scratch_name path = scratch_name(&s, "bundle");
	struct world *w = scene_begin(1, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);

	(void)state;
	w->flocks[0].bundle_path = path.path;
	w->flocks[0].members[1].gone = true;
	world_open(w);
	scene_run_s(w, 2);
	assert_true(w->devices[a].d.has_secret);
	assert_false(w->devices[a + 1].d.has_secret);

	w->flocks[0].members[1].gone = false;
	world_touch(w, 0);
	world_publish(w, 0);
	scene_run_s(w, 10);
	scene_expect_secret(w, a);
	scene_expect_talk(w, a);
	scene_end(w);
	scratch_remove(&s);
}

static void
new_bundles_come_at_once(void **state)
{
	struct world *w = scene_begin(2, true, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 1);
	uint32_t old;

	(void)state;
	world_open(w);
	scene_run_s(w, 11);
	scene_expect_secret(w, a);
	old = w->devices[a].d.generation;

	world_renew(w, 0, 30);
	world_publish_all(w);
	scene_run_s(w, 0.1);
	scene_expect_secret(w, a);
	assert_int_not_equal(w->devices[a].d.generation, old);
	assert_int_equal(world_stats(w, 0).ambry_pushes, 1);
	assert_int_equal(world_stats(w, 1).ambry_pushes, 1);

	/* One that has expired is not handed out, and does not take the old one away. */
	old = w->devices[a].d.generation;
	world_renew(w, 0, -1);
	world_publish_all(w);
	scene_run_s(w, 11);
	assert_int_equal(w->devices[a].d.generation, old);
	scene_expect_talk(w, a);

	world_renew(w, 0, 1);
	world_publish_all(w);
	scene_run_s(w, 0.1);
	scene_expect_secret(w, a);

	/* One that does not want ambries is sent none. */
	w->devices[a].d.config.no_ambry = true;
	old = w->devices[a].d.generation;
	scene_run_s(w, 6);
	world_renew(w, 0, 1);
	world_publish_all(w);
	scene_run_s(w, 11);
	assert_int_equal(w->devices[a].d.generation, old);
	assert_int_not_equal(w->devices[a + 1].d.generation, old);
	scene_end(w);
}

/* ---- NAT ---- */

static void
probe(struct world *w, unsigned device)
{
	struct device *d = &w->devices[device].d;

	d->config.direct = true;
	for (unsigned n = 0; n < d->cathedral_count; n++)
		d->cathedrals[n].nat_port = (uint16_t)(d->cathedrals[n].at.port + 1);
}

static void
expect_direct(struct world *w, unsigned device, bool direct)
{
	for (unsigned n = device; n < device + 2; n++) {
		assert_int_equal(w->devices[n].info.info.relayed, !direct);
		assert_int_equal(w->devices[n].d.has_peer, direct);
	}
	if (direct)
		assert_true(endpoint_equal(&w->devices[device].d.peer, &w->devices[device + 1].at));
}

static void
devices_learn_each_others_addresses(void **state)
{
	static const struct {
		bool symmetric, same_address, direct;
	} cases[] = {
		{ false, false, true },
		{ true, false, false },
		{ false, true, false },
	};

	(void)state;
	for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
		for (unsigned n = 0; n < 3; n++) {
			struct world *w = scene_begin(1, shrouded, 2);
			unsigned a = scene_tunnel(w, 0, 1, 0, 0);

			probe(w, a);
			probe(w, a + 1);
			w->devices[a].symmetric = cases[n].symmetric;
			if (cases[n].same_address)
				memcpy(w->devices[a].at.ip, w->devices[a + 1].at.ip, 16);
			world_open(w);
			scene_run_s(w, 14.9);
			expect_direct(w, a, false);
			assert_false(w->devices[a].info.info.same_address);
			scene_run_s(w, 12);
			expect_direct(w, a, cases[n].direct);
			assert_int_equal(
			    w->devices[a].info.info.same_address, cases[n].same_address);
			scene_expect_talk(w, a);
			scene_end(w);
		}
	}
}

/* With p2p sync cathedrals tell each other; a probe counts where the device is. */
static void
addresses_pass_between_cathedrals(void **state)
{
	(void)state;
	for (unsigned sync = 0; sync < 2; sync++) {
		struct world *w = scene_begin(2, true, 2);
		unsigned a = scene_tunnel(w, 0, 1, 0, 1);

		w->cathedrals[0].options.p2p_sync = w->cathedrals[1].options.p2p_sync = sync;
		probe(w, a);
		probe(w, a + 1);
		world_open(w);
		/* Cooldown, then a probe, then the info that tells of it, then one that is
		 * answered. */
		scene_run_s(w, 36);
		if (sync)
			expect_direct(w, a, true);
		else
			assert_int_equal(w->devices[a].events[DEVICE_INFO], 0);
		scene_expect_talk(w, a);
		scene_end(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_devices_talk),
		cmocka_unit_test(every_listener_reaches_every_other),
		cmocka_unit_test(domains_are_apart),
		cmocka_unit_test(flocks_talk_as_they_may),
		cmocka_unit_test(twins_talk),
		cmocka_unit_test(liturgies_gather),
		cmocka_unit_test(liturgies_are_of_the_own_flock),
		cmocka_unit_test(remembrances_list_cathedrals),
		cmocka_unit_test(cathedrals_relay_for_each_other),
		cmocka_unit_test(crowds_are_answered),
		cmocka_unit_test(ambries_come_from_disk),
		cmocka_unit_test(new_bundles_come_at_once),
		cmocka_unit_test(devices_learn_each_others_addresses),
		cmocka_unit_test(addresses_pass_between_cathedrals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
