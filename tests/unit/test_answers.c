/* SPDX-License-Identifier: ISC */
/* What devices are answered, as they see it. */
#include "cathedral/relay/answers.h"

#include "protocol/crypto/aead.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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
cast(uint8_t listener_one, uint8_t listener_two)
{
	one = stage_actor(&s, &s.a[0], a, a, 2, listener_one);
	two = stage_actor(&s, &s.a[1], a, a, 1, listener_two);
}

/* An info, and again if the scanner had to find its shroud first. */
static void
announce(struct actor *who)
{
	tray_empty(&s.tray);
	if (stage_info(&s, who) == VERDICT_DROP_UNKNOWN_IDENTITY)
		stage_look_up(&s);
}

/* What lies on the tray for a device, as letters: i(nfo) a(mbry) r(emembrance) l(iturgy). */
static const char *
answers_for(struct actor *who, struct device_event *last)
{
	static const char letters[DEVICE_EVENT_KINDS] = {
		[DEVICE_INFO] = 'i',
		[DEVICE_AMBRY] = 'a',
		[DEVICE_REMEMBRANCE] = 'r',
		[DEVICE_LITURGY] = 'l',
	};
	static char text[TRAY_MAX + 1];
	size_t len = 0;

	for (size_t n = 0; n < s.tray.count; n++) {
		struct device_event ev;

		if (!endpoint_equal(&s.tray.sent[n].to, &who->at))
			continue;
		ev = stage_receive(&s, who, n);
		text[len++] = letters[ev.kind] != 0 ? letters[ev.kind] : '?';
		if (last != NULL)
			*last = ev;
	}
	text[len] = '\0';
	return text;
}

/* ---- info ---- */

static void
an_info_is_answered_once_the_peer_is_known(void **state)
{
	(void)state;
	for (uint8_t way = 0; way < 4; way++) {
		const struct listener *l = &s.options.listeners[way >> 1];
		struct device_event ev;

		cast(way & 1, way >> 1);
		one.d.config.no_ambry = two.d.config.no_ambry = true;
		announce(&one);
		assert_string_equal(answers_for(&one, NULL), "");
		announce(&two);
		assert_string_equal(answers_for(&two, &ev), "i");
		/* Peer: the cathedral, which relays.  Local: where the device is seen. */
		assert_true(ev.info.relayed);
		assert_true(endpoint_equal(&ev.info.peer, &l->advertised));
		assert_true(endpoint_equal(&ev.info.local, &two.at));
		assert_false(ev.info.same_address);
		announce(&one);
		assert_string_equal(answers_for(&one, NULL), "i");
		stage_pass(&s, 200 * NS_PER_S);
		site_purge(s.site, NULL);
	}
}

/* Both probed the NAT port from where they are, after the cooldown: each learns of the other. */
static void
peers_learn_of_each_other(void **state)
{
	struct device_event ev;

	(void)state;
	cast(0, 0);
	one.d.config.no_ambry = two.d.config.no_ambry = true;
	announce(&one);
	announce(&two);
	assert_int_equal(stage_probe(&s, &one), VERDICT_CONSUMED);
	stage_pass(&s, 15 * NS_PER_S);
	announce(&one);
	assert_string_equal(answers_for(&one, &ev), "i");
	assert_true(ev.info.relayed);
	assert_int_equal(stage_probe(&s, &one), VERDICT_CONSUMED);
	announce(&one);
	answers_for(&one, &ev);
	assert_true(ev.info.relayed); /* the other end is not usable yet */
	assert_int_equal(stage_probe(&s, &two), VERDICT_CONSUMED);
	announce(&one);
	answers_for(&one, &ev);
	assert_false(ev.info.relayed);
	assert_true(endpoint_equal(&ev.info.peer, &two.at));
	announce(&two);
	answers_for(&two, &ev);
	assert_true(endpoint_equal(&ev.info.peer, &one.at));

	/* A probe from another port than the infos: a symmetric NAT. */
	two.at.port++;
	assert_int_equal(stage_probe(&s, &two), VERDICT_CONSUMED);
	two.at.port--;
	announce(&one);
	answers_for(&one, &ev);
	assert_true(ev.info.relayed);
	assert_false(ev.info.same_address);
}

static void
devices_at_one_address_are_told_so(void **state)
{
	struct device_event ev;

	(void)state;
	cast(0, 1);
	two.at = one.at;
	two.at.port = 2000;
	one.d.config.no_ambry = two.d.config.no_ambry = true;
	announce(&one);
	announce(&two);
	answers_for(&two, &ev);
	assert_false(ev.info.same_address); /* the cooldown */
	stage_pass(&s, 15 * NS_PER_S);
	announce(&two);
	answers_for(&two, &ev);
	assert_true(ev.info.same_address && ev.info.relayed);
}

/* ---- ambries ---- */

static void
an_ambry_goes_to_who_has_another(void **state)
{
	const struct bundle_plan *plan = &s.bundle_a;
	struct bundle_entry want = bundle_entry_of(plan, a, tunnel_between(1, 2));
	struct device_event ev;

	(void)state;
	cast(0, 0);
	announce(&one);
	assert_string_equal(answers_for(&one, &ev), "a");
	assert_int_equal(ev.ambry.generation, plan->generation);
	assert_int_equal(ev.ambry.expires, plan->expires);
	assert_int_equal(want.key[8], 1);

	one.d.generation = plan->generation;
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "");
	one.d.generation = 12345;
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "a");
	one.d.config.no_ambry = true;
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "");
	assert_int_equal(stats_get(&s.stats.ambry_answers), 2);
}

/* The entry of this end of this tunnel, inside the sealed offer. */
static void
expect_ambry(struct actor *who, size_t n, const struct bundle_plan *plan)
{
	const struct sent *sent = &s.tray.sent[n];
	struct bundle_entry want = bundle_entry_of(plan, who->d.config.flock, who->d.config.tunnel);
	struct offer_header h;
	struct offer_key key;
	struct envelope e;
	struct offer o;

	assert_true(offer_header_decode(&h, sent->bytes, sent->len));
	offer_key_device(&key, &who->d.keys.cs, h.seed, who->d.config.flock);
	assert_true(envelope_open(&e, sent->bytes, sent->len, &key));
	assert_true(offer_data_decode(&o, e.data));
	assert_int_equal(o.type, OFFER_AMBRY);
	assert_int_equal(o.ambry.tunnel.value, who->d.config.tunnel.value);
	assert_int_equal(o.ambry.generation, plan->generation);
	assert_int_equal(o.ambry.seed[0], plan->generation & 0xff);
	assert_memory_equal(o.ambry.key, want.key, sizeof(want.key));
	assert_memory_equal(o.ambry.tag, want.tag, sizeof(want.tag));
}

static void
each_end_gets_its_own_ambry(void **state)
{
	struct actor far = stage_actor(&s, &s.b[0], b, a, 1, 0);

	(void)state;
	cast(0, 0);
	announce(&one);
	expect_ambry(&one, 0, &s.bundle_a);
	announce(&two);
	assert_string_equal(answers_for(&two, NULL), "ia");
	announce(&two);
	expect_ambry(&two, 1, &s.bundle_a);
	/* Another domain, the same ambry; another flock, the pair's. */
	one = stage_actor(&s, &s.a[0], flock_with_domain(a, 3), flock_with_domain(a, 3), 2, 0);
	announce(&one);
	expect_ambry(&one, 0, &s.bundle_a);
	one = stage_actor(&s, &s.a[0], a, b, 1, 0);
	announce(&one);
	expect_ambry(&one, 0, &s.bundle_pair);
	announce(&far);
	expect_ambry(&far, 1, &s.bundle_pair);
}

static void
an_expired_bundle_is_not_handed_out(void **state)
{
	int64_t end = bundle_ends(1000);

	(void)state;
	s.bundle_a.expires = 1000;
	s.now.wall_s = end;
	stage_open(&s);
	cast(0, 0);
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "a");
	stage_pass(&s, NS_PER_S);
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "");
}

static void
without_a_bundle_there_is_no_ambry(void **state)
{
	(void)state;
	s.has_bundles = false;
	stage_open(&s);
	cast(0, 0);
	announce(&one);
	assert_string_equal(answers_for(&one, NULL), "");
	announce(&two);
	assert_string_equal(answers_for(&two, NULL), "i");
}

/* A number that nobody has yet: read from the file by the scanner, and sent by it. */
static void
an_ambry_on_disk_comes_from_the_scanner(void **state)
{
	struct scratch dir = scratch_make();
	struct scratch_name name = scratch_name(&dir, "bundle");
	const struct file_mark unmarked = { 0 };
	struct registry_flock *flock;
	struct actor lonely = stage_actor(&s, &s.a[0], a, a, 200, 1);
	size_t len;
	uint8_t *bytes = bundle_write(&s.bundle_a, &len);
	FILE *file = fopen(name.path, "we");

	(void)state;
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	free(bytes);
	flock = registry_flock_find(publish_current(s.site->publish), a);
	registry_ambries_on_disk(&flock->ambries, name.path, &unmarked);

	/* Its identity is searched, then its ambry read: two steps of the scanner. */
	assert_int_equal(stage_info(&s, &lonely), VERDICT_DROP_UNKNOWN_IDENTITY);
	assert_int_equal(stage_look_up(&s), 1);
	assert_string_equal(answers_for(&lonely, NULL), "a");
	announce(&lonely);
	assert_string_equal(answers_for(&lonely, NULL), ""); /* not by the pipeline */
	assert_int_equal(stage_look_up(&s), 1);
	assert_string_equal(answers_for(&lonely, NULL), "a");

	/* Read again meanwhile by somebody else: the file is gone, nothing is sent. */
	announce(&lonely);
	scratch_remove(&dir);
	assert_int_equal(stage_look_up(&s), 1);
	assert_string_equal(answers_for(&lonely, NULL), "");
}

/* ---- a new bundle is sent at once ---- */

static void
a_new_bundle_is_pushed_to_who_wants_it(void **state)
{
	struct actor third = stage_actor(&s, &s.a[2], a, a, 1, 0);
	struct actor far = stage_actor(&s, &s.b[0], b, a, 1, 1);

	(void)state;
	cast(0, 1);
	third.d.config.no_ambry = true;
	one.d.generation = two.d.generation = third.d.generation = s.bundle_a.generation;
	far.d.generation = s.bundle_pair.generation;
	announce(&one);
	announce(&two);
	announce(&third);
	announce(&far);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 0); /* nothing is new */

	s.bundle_a.generation = 77;
	stage_publish(&s);
	tray_empty(&s.tray);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 2);
	assert_string_equal(answers_for(&one, NULL), "a");
	tray_empty(&s.tray);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 2);
	assert_string_equal(answers_for(&two, NULL), "a");
	assert_int_equal(stats_get(&s.stats.ambry_pushes), 4);

	/* Who is where nobody proved to be gets nothing unasked. */
	one.at.port++;
	announce(&one);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 1);
	announce(&one);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 2);
	stage_pass(&s, 120 * NS_PER_S);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), 0);
}

static void
many_pushes_are_all_sent(void **state)
{
	size_t count = 0;

	(void)state;
	for (unsigned domain = 0; domain < 200; domain++) {
		struct flock_id flock = flock_with_domain(a, (uint8_t)domain);

		one = stage_actor(&s, &s.a[0], flock, flock, 2, 0);
		two = stage_actor(&s, &s.a[1], flock, flock, 1, 0);
		stage_info(&s, &one);
		stage_info(&s, &two);
		count += 2;
	}
	tray_empty(&s.tray);
	assert_int_equal(pipeline_push_ambries(s.pipeline, NULL, s.now), count);
	assert_int_equal(s.tray.count, count);
}

/* ---- who is not proven ---- */

/* From a new address: one answer at most, and never more bytes than came. */
static void
a_new_address_gets_no_more_than_it_sent(void **state)
{
	(void)state;
	for (uint8_t listener = 0; listener < 2; listener++) {
		cast(listener, listener);
		announce(&two);
		announce(&one);
		for (unsigned n = 0; n < 50; n++) {
			struct device_moment m = { s.now, &s.random };
			struct device_packet p;

			one.at.port = (uint16_t)(2000 + n);
			one.d.config.remembrance = true;
			one.d.config.mtu = n % 2 == 0 ? 0 : 1373;
			device_make_info(&one.d, &m, &p);
			tray_empty(&s.tray);
			assert_int_equal(stage_packet(&s, &one, &p), VERDICT_CONSUMED);
			assert_int_equal(s.tray.count, 1);
			assert_true(s.tray.sent[0].len <= p.len);
			assert_string_equal(answers_for(&one, NULL), "a");
			stage_pass(&s, NS_PER_S);
		}
		assert_int_equal(stats_get(&s.stats.answers_withheld), 0);
		/* The second from the same place opens it. */
		announce(&one);
		assert_int_equal(s.tray.count, 3);
		stage_pass(&s, 200 * NS_PER_S);
	}
}

/* ---- remembrances ---- */

static void
a_remembrance_lists_this_one_first(void **state)
{
	struct device_event ev;
	struct endpoint at;

	(void)state;
	for (unsigned n = 0; n < 3; n++)
		s.peers[n].at = stage_peer(n);
	s.peers[1].shroud_port = 7001;
	s.peers[2].clear_port = 7002;
	s.peer_count = 3;
	stage_open(&s);
	/* The third was heard lately: it comes before those who were not. */
	atomic_store(
	    &registry_peer_at(publish_current(s.site->publish), &s.peers[2].at)->stats->heard_ns,
	    s.now.mono_ns - NS_PER_S);

	cast(0, 1);
	one.d.config.remembrance = two.d.config.remembrance = true;
	one.d.config.no_ambry = two.d.config.no_ambry = true;
	announce(&one);
	assert_string_equal(answers_for(&one, &ev), "r");
	assert_int_equal(ev.remembrance.count, 4);
	at = s.options.listeners[0].advertised;
	assert_memory_equal(ev.remembrance.cathedrals[0].ip, at.ip + 12, 4);
	assert_int_equal(ev.remembrance.cathedrals[0].port, 4500);
	assert_int_equal(ev.remembrance.cathedrals[1].ip[3], 102);
	assert_int_equal(ev.remembrance.cathedrals[1].port, 7002);
	assert_int_equal(ev.remembrance.cathedrals[2].ip[3], 100);
	assert_int_equal(ev.remembrance.cathedrals[2].port, 4500);
	assert_int_equal(ev.remembrance.cathedrals[3].ip[3], 101);

	/* Under a shroud only those whose shrouded listener is known. */
	announce(&two);
	assert_string_equal(answers_for(&two, &ev), "ir");
	assert_int_equal(ev.remembrance.count, 2);
	assert_int_equal(ev.remembrance.cathedrals[0].port, 4600);
	assert_int_equal(ev.remembrance.cathedrals[1].ip[3], 101);
	assert_int_equal(ev.remembrance.cathedrals[1].port, 7001);

	/* Where it is to be left it comes last. */
	atomic_store(&s.site->draining, true);
	s.now.mono_ns += 16 * NS_PER_S;
	s.now.wall_s += 16;
	announce(&two);
	answers_for(&two, &ev);
	assert_int_equal(ev.remembrance.count, 2);
	assert_int_equal(ev.remembrance.cathedrals[0].port, 7001);
	assert_int_equal(ev.remembrance.cathedrals[1].port, 4600);
	assert_memory_equal(ev.remembrance.cathedrals[1].ip, at.ip + 12, 4);
	atomic_store(&s.site->draining, false);
}

/* Forty others, of which some are heard and some are near: what fits is the best of them. */
static void
remembrances_have_an_order(void **state)
{
	struct registry_peer peers[40];
	struct registry *next;
	struct device_event ev;

	(void)state;
	stage_open(&s);
	next = registry_copy(publish_current(s.site->publish));
	assert_non_null(next);
	memset(peers, 0, sizeof(peers));
	for (unsigned n = 0; n < 40; n++) {
		peers[n].at =
		    endpoint_from_ipv4((uint8_t[]){ 198, 51, 100, (uint8_t)(1 + n) }, 4500);
		peers[n].clear_port = 4500;
		peers[n].near = n % 2 == 0;
		peers[n].draining = n == 0;
	}
	assert_true(registry_set_peers(next, peers, 40, NULL));
	assert_true(publish_swap(s.site->publish, next));
	for (unsigned n = 20; n < 40; n++)
		peer_heard_plain(registry_peer_at(next, &peers[n].at)->stats, s.now.mono_ns);

	cast(0, 1);
	one.d.config.remembrance = one.d.config.no_ambry = true;
	announce(&one);
	assert_string_equal(answers_for(&one, &ev), "r");
	assert_int_equal(ev.remembrance.count, REMEMBRANCE_MAX);
	for (unsigned n = 0; n < 31; n++) {
		unsigned got = ev.remembrance.cathedrals[1 + n].ip[3] - 1u;
		unsigned want = n < 10   ? 20 + 2 * n
				: n < 20 ? 21 + 2 * (n - 10)
				: n < 29 ? 2 * (n - 19)
					 : 1 + 2 * (n - 29);

		assert_int_equal(got, want);
	}
}

/* ---- liturgies ---- */

static void
liturgies_are_answered_with_who_is_there(void **state)
{
	struct device_event ev;

	(void)state;
	cast(0, 1);
	one.d.config.liturgy.group = two.d.config.liturgy.group = 7;
	one.d.config.remembrance = true;
	assert_int_equal(stage_liturgy(&s, &one), VERDICT_CONSUMED);
	assert_string_equal(answers_for(&one, &ev), "rl"); /* the remembrance goes first */
	assert_int_equal(ev.liturgy.group, 7);
	assert_int_equal(kek_set_count(&ev.liturgy.peers), 0);

	stage_liturgy(&s, &two);
	stage_look_up(&s);
	assert_string_equal(answers_for(&two, &ev), "l");
	assert_true(kek_set_has(&ev.liturgy.peers, 1));
	assert_int_equal(kek_set_count(&ev.liturgy.peers), 1);
	tray_empty(&s.tray);
	assert_int_equal(stage_liturgy(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(s.tray.count, 0); /* not so soon */
	stage_pass(&s, 3 * NS_PER_S);
	assert_int_equal(stage_liturgy(&s, &one), VERDICT_CONSUMED);
	assert_string_equal(answers_for(&one, &ev), "l");
	assert_true(kek_set_has(&ev.liturgy.peers, 2));
}

/* Group, hidden, flags and own number stay this side; only the group and the list go back. */
static void
a_liturgy_answer_says_nothing_else(void **state)
{
	struct offer_header h;
	struct offer_key key;
	struct envelope e;
	struct offer o;

	(void)state;
	cast(0, 0);
	one.d.config.liturgy =
	    (struct device_liturgy){ .group = 9, .signalling = true, .hidden = true };
	stage_liturgy(&s, &one);
	assert_int_equal(s.tray.count, 1);
	assert_int_equal(s.tray.sent[0].len, OFFER_SIZE);
	assert_true(offer_header_decode(&h, s.tray.sent[0].bytes, OFFER_SIZE));
	assert_int_equal(h.spi, one.d.config.id.value);
	assert_false(flock_equal(h.flock_src, a)); /* random, not who it is */
	offer_key_device(&key, &one.d.keys.cs, h.seed, a);
	assert_true(envelope_open(&e, s.tray.sent[0].bytes, OFFER_SIZE, &key));
	assert_true(offer_data_decode(&o, e.data));
	assert_int_equal(o.liturgy.group, 9);
	assert_int_equal(o.liturgy.id, 0);
	assert_int_equal(o.liturgy.hidden, 0);
	assert_int_equal(o.liturgy.flags, 0);
	assert_int_equal((int64_t)o.timestamp, s.now.wall_s);
}

static void
a_liturgy_in_a_domain_goes_to_flock_0_or_to_its_own_domain(void **state)
{
	static const struct {
		uint64_t dst;
		enum verdict want;
	} cases[] = { { 0, VERDICT_CONSUMED }, { 5, VERDICT_CONSUMED },
		{ 6, VERDICT_DROP_NOT_ALLOWED } };
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;

	(void)state;
	one = stage_actor(&s, &s.a[0], flock_with_domain(a, 5), flock_with_domain(a, 5), 2, 0);
	for (size_t n = 0; n < 3; n++) {
		struct offer_header h = { .magic = MAGIC_KATEDRAL,
			.flock_src = one.d.config.flock,
			.flock_dst = { cases[n].dst },
			.spi = 1 };
		struct offer o = { .type = OFFER_LITURGY,
			.timestamp = (uint64_t)s.now.wall_s,
			.liturgy = { .id = 1 } };

		device_make_offer(&one.d, &m, &h, &o, &p);
		assert_int_equal(stage_packet(&s, &one, &p), cases[n].want);
	}
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)
#define PLANNED(test)  cmocka_unit_test_setup_teardown(test, plan_stage, close_stage)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		ON_STAGE(an_info_is_answered_once_the_peer_is_known),
		ON_STAGE(peers_learn_of_each_other),
		ON_STAGE(devices_at_one_address_are_told_so),
		ON_STAGE(an_ambry_goes_to_who_has_another),
		ON_STAGE(each_end_gets_its_own_ambry),
		PLANNED(an_expired_bundle_is_not_handed_out),
		PLANNED(without_a_bundle_there_is_no_ambry),
		ON_STAGE(an_ambry_on_disk_comes_from_the_scanner),
		ON_STAGE(a_new_bundle_is_pushed_to_who_wants_it),
		ON_STAGE(many_pushes_are_all_sent),
		ON_STAGE(a_new_address_gets_no_more_than_it_sent),
		PLANNED(a_remembrance_lists_this_one_first),
		PLANNED(remembrances_have_an_order),
		ON_STAGE(liturgies_are_answered_with_who_is_there),
		ON_STAGE(a_liturgy_answer_says_nothing_else),
		ON_STAGE(a_liturgy_in_a_domain_goes_to_flock_0_or_to_its_own_domain),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
