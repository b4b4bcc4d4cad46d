/* SPDX-License-Identifier: ISC */
/* Letters as one cathedral writes and reads them. */
#include "cathedral/relay/letters.h"

#include "protocol/crypto/aead.h"
#include "protocol/sealed_letter.h"
#include "tests/support/seed.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static struct stage s;
static const struct flock_id a = { STAGE_A };
static struct actor one, two;

static void
open_stage(bool shrouded, size_t mtu)
{
	stage_plan(&s, &randomness);
	s.options.listeners[0].shrouded = shrouded;
	s.options.mtu = mtu;
	for (unsigned n = 0; n < 3; n++)
		s.peers[n].at = stage_peer(n);
	s.peer_count = 3;
	stage_open(&s);
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	two = stage_actor(&s, &s.a[1], a, a, 1, 1);
	one.d.config.no_ambry = two.d.config.no_ambry = true;
}

static int
open_clear(void **state)
{
	(void)state;
	open_stage(false, 1472);
	return 0;
}

static int
open_shrouded(void **state)
{
	(void)state;
	open_stage(true, 1373);
	return 0;
}

static int
open_narrow(void **state)
{
	(void)state;
	open_stage(true, 576);
	return 0;
}

static int
open_mute(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
	s.options.letters = false;
	s.peers[0].at = stage_peer(0);
	s.peer_count = 1;
	stage_open(&s);
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	one.d.config.no_ambry = true;
	return 0;
}

static int
close_stage(void **state)
{
	(void)state;
	stage_close(&s);
	return 0;
}

/* ---- letters from others ---- */

struct draft {
	struct letter_header header;
	struct letter_head head;
	uint8_t body[LETTER_BODY_MAX];
	size_t len;
	struct federation_secret secret;
};

static struct draft
draft(enum letter_kind kind, uint64_t instance)
{
	struct draft d = {
		.header = { LETTER_VERSION, (uint8_t)kind, { 0 } },
		.head = { (uint64_t)s.now.wall_s, instance },
		.secret = stage_secret,
	};

	random_bytes(&s.random, d.header.seed, sizeof(d.header.seed));
	return d;
}

static struct draft
hello(uint64_t instance, uint8_t asks)
{
	struct draft d = draft(LETTER_HELLO, instance);

	d.body[3] = asks;
	d.len = 4;
	return d;
}

static void
put_info(struct draft *d, const struct actor *who, const struct cosk_secret *cosk, int64_t age_s)
{
	struct offer o = { .type = OFFER_INFO,
		.timestamp = (uint64_t)(s.now.wall_s - age_s),
		.info = { .tunnel = who->d.config.tunnel,
		    .rx_active = who->d.rx_active,
		    .instance = who->d.instance } };
	struct letter_leaf leaf = { .src = who->d.config.flock,
		.dst = who->d.config.flock_dst,
		.device = who->d.config.id,
		.is_signed = true };
	struct writer w = writer_over(d->body + d->len, sizeof(d->body) - d->len);
	struct envelope e;

	envelope_signed(&e, &o, cosk);
	memcpy(leaf.data, e.data, sizeof(leaf.data));
	memcpy(leaf.extra, e.extra, sizeof(leaf.extra));
	letter_leaf_write(&w, &leaf);
	assert_false(w.failed);
	d->len = sizeof(d->body) - w.left;
}

static size_t
seal(const struct draft *d, uint8_t out[static LETTER_MAX])
{
	struct writer w = writer_over(out + LETTER_HEADER_SIZE, LETTER_BODY_MAX);

	letter_head_write(&w, &d->head);
	writer_put(&w, d->body, d->len);
	assert_false(w.failed);
	return sealed_letter_make(out, &d->header, LETTER_HEAD_SIZE + d->len, &d->secret);
}

static enum verdict
comes(unsigned from, const struct draft *d)
{
	uint8_t bytes[LETTER_MAX];

	return stage_from_peer(&s, from, bytes, seal(d, bytes));
}

static struct peer_stats *
peer(unsigned n)
{
	struct endpoint at = stage_peer(n);

	return registry_peer_at(publish_current(s.site->publish), &at)->stats;
}

static void
greeted_by(unsigned from)
{
	struct draft d = hello(1000 + from, 1);

	assert_int_equal(comes(from, &d), VERDICT_CONSUMED);
}

static bool
is_far(const struct actor *who, unsigned there)
{
	struct tunnel_key key =
	    tunnel_key(who->d.config.flock, who->d.config.flock_dst, who->d.config.tunnel);
	struct endpoint at = stage_peer(there);
	struct tunnel t;

	return tunnels_find(s.site->tunnels, &key, s.now.mono_ns, &t) && t.federated &&
	       endpoint_equal(&t.at, &at);
}

/* ---- being told ---- */

static void
a_page_is_believed(void **state)
{
	struct draft d = draft(LETTER_PAGE, 7);

	(void)state;
	put_info(&d, &one, &one.d.keys.cosk, 0);
	put_info(&d, &two, &two.d.keys.cosk, 9);
	assert_int_equal(comes(1, &d), VERDICT_CONSUMED);
	assert_true(is_far(&one, 1) && is_far(&two, 1));
	assert_int_equal(stats_get(&s.stats.federated_in), 2);
	assert_int_equal(stats_get(&s.stats.letters_in), 1);
	assert_int_equal(atomic_load(&peer(1)->offers_in), 2);
	assert_int_equal(s.tray.count, 0);
	/* Once. */
	assert_int_equal(comes(1, &d), VERDICT_DROP_REPLAY);
	assert_int_equal(comes(2, &d), VERDICT_DROP_SENDER);
}

/* Each announcement is judged by itself, as if it had come alone. */
static void
what_is_wrong_in_a_page_does_not_count(void **state)
{
	struct draft d = draft(LETTER_PAGE, 7);
	struct actor stranger = one, other = two;

	(void)state;
	stranger.d.config.id.value = 0x77777777;
	other.d.config.tunnel = tunnel_reverse(two.d.config.tunnel);
	put_info(&d, &stranger, &one.d.keys.cosk, 0);
	put_info(&d, &one, &two.d.keys.cosk, 0);
	put_info(&d, &one, &one.d.keys.cosk, OFFER_WINDOW_S + 1);
	put_info(&d, &other, &two.d.keys.cosk, 0);
	put_info(&d, &two, &two.d.keys.cosk, 0);
	assert_int_equal(comes(0, &d), VERDICT_CONSUMED);
	assert_false(is_far(&one, 0));
	assert_true(is_far(&two, 0));
	assert_int_equal(stats_get(&s.stats.federated_bad), 4);
	assert_int_equal(atomic_load(&peer(0)->offers_bad), 4);
	assert_int_equal(tunnels_count(s.site->tunnels), 1);
}

static void
what_is_no_letter_of_a_cathedral_is_refused(void **state)
{
	struct draft good = draft(LETTER_PAGE, 7), d;

	(void)state;
	put_info(&good, &one, &one.d.keys.cosk, 0);
	d = good;
	assert_int_equal(comes(3, &d), VERDICT_DROP_STRANGER);
	d.secret.bytes[0] ^= 1;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_SEAL);
	d = good;
	d.header.version++;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_TYPE);
	d = good;
	d.head.timestamp -= OFFER_WINDOW_S + 1;
	assert_int_equal(comes(0, &d), VERDICT_DROP_STALE);
	d.head.timestamp += 2 * OFFER_WINDOW_S + 2;
	assert_int_equal(comes(0, &d), VERDICT_DROP_STALE);
	d = good;
	d.head.instance = 0;
	assert_int_equal(comes(0, &d), VERDICT_DROP_SENDER);
	/* Our own, sent back. */
	d.head.instance = s.site->instance;
	assert_int_equal(comes(0, &d), VERDICT_DROP_SENDER);
	assert_true(atomic_load(&peer(0)->heard_ns) == 0);
	assert_false(peer_speaks(peer(0), s.now.mono_ns));

	/* A length in it is wrong: none of it counts. */
	d = good;
	random_bytes(&s.random, d.header.seed, sizeof(d.header.seed));
	d.len--;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_TYPE);
	random_bytes(&s.random, d.header.seed, sizeof(d.header.seed));
	d.len = 1;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_TYPE);
	d = good;
	random_bytes(&s.random, d.header.seed, sizeof(d.header.seed));
	d.header.kind = 9;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_TYPE);
	d = hello(7, 0);
	d.len = 3;
	assert_int_equal(comes(0, &d), VERDICT_DROP_BAD_TYPE);
	assert_int_equal(tunnels_count(s.site->tunnels), 0);
	assert_int_equal(s.tray.count, 0);

	assert_int_equal(comes(0, &good), VERDICT_CONSUMED);
	assert_true(is_far(&one, 0));
}

/* A hello may have more behind it in later versions. */
static void
hellos_may_grow(void **state)
{
	struct draft d = hello(7, 1);

	(void)state;
	d.len = 100;
	assert_int_equal(comes(0, &d), VERDICT_CONSUMED);
	assert_int_equal(stats_get(&s.stats.hellos_in), 1);
}

/* One cathedral's letter in another's name. */
static void
letters_are_of_their_writer(void **state)
{
	struct draft d = hello(1000, 1);

	(void)state;
	greeted_by(0);
	random_bytes(&s.random, d.header.seed, sizeof(d.header.seed));
	assert_int_equal(comes(1, &d), VERDICT_DROP_SENDER);
	assert_false(peer_speaks(peer(1), s.now.mono_ns));
	greeted_by(1);
	assert_true(peer_speaks(peer(1), s.now.mono_ns));
}

/* ---- telling ---- */

/* Opens the n-th packet on the tray, a letter; returns how many announcements are in it. */
static size_t
count_leaves(size_t n)
{
	struct sent *sent = &s.tray.sent[n];
	uint8_t *at = sent->bytes;
	size_t len = sent->len, count = 0;
	struct letter_head head;
	struct letter_leaf leaf;
	struct cursor body;

	assert_int_equal(sent->listener, 0);
	if (s.options.listeners[0].shrouded) {
		struct shroud_key shroud;
		struct kmac_prefix mask;
		struct kmac_job job;

		assert_true(len < s.options.mtu || s.options.mtu == 576);
		shroud_key_federation(&shroud, &stage_secret);
		shroud_mask_prefix(&mask, &shroud);
		at += SHROUD_HEADER_SIZE;
		len -= SHROUD_HEADER_SIZE;
		job = shroud_job(&mask, sent->bytes, at, len);
		kmac_mask(&job, 1);
		len = shroud_unpadded(at, len);
	}
	assert_true(len <= LETTER_MAX);
	assert_int_equal(wire_kind(at, len), WIRE_LETTER);
	assert_true(sealed_letter_open(at, len, &stage_secret, &body));
	letter_head_read(&body, &head);
	assert_true(head.instance == s.site->instance);
	for (; body.left > 0; count++) {
		letter_leaf_read(&body, &leaf);
		assert_true(cursor_ok(&body));
	}
	return count;
}

static void
announce(struct actor *who)
{
	if (stage_info(&s, who) == VERDICT_DROP_UNKNOWN_IDENTITY)
		stage_look_up(&s);
}

/* By letter to those who have said that they read them, as offers to the others; once each. */
static void
each_is_told_in_its_own_way(void **state)
{
	unsigned letters = 0, offers = 0;

	(void)state;
	greeted_by(0);
	greeted_by(2);
	tray_empty(&s.tray);
	announce(&one);
	for (size_t n = 0; n < s.tray.count; n++) {
		struct endpoint plain = stage_peer(1);

		if (endpoint_equal(&s.tray.sent[n].to, &plain)) {
			offers++;
			continue;
		}
		assert_int_equal(count_leaves(n), 2); /* an info and where it is */
		letters++;
	}
	assert_int_equal(letters, 2);
	assert_int_equal(offers, 2);
	assert_int_equal(
	    stats_get(&s.stats.federated_out) + stats_get(&s.scanner_stats.federated_out), 6);
}

static void
tick(uint64_t ms)
{
	stage_pass(&s, ms * NS_PER_MS);
	tray_empty(&s.tray);
	if (pipeline_due_ns(s.pipeline) <= s.now.mono_ns)
		pipeline_tick(s.pipeline, s.now);
}

/* Said again 0.3, 1 and 3 s later, and then never. */
static void
changes_are_said_again(void **state)
{
	uint64_t said = 0;

	(void)state;
	announce(&one); /* the scanner's, that says nothing again */
	greeted_by(0);
	one.d.rx_active++;
	tray_empty(&s.tray);
	announce(&one);
	for (int ms = 0; ms <= 3100; ms += 50) {
		bool due = ms == 300 || ms == 1000 || ms == 3000;

		tick(ms == 0 ? 0 : 50);
		assert_int_equal(s.tray.count, due ? 1 : 0);
		said += s.tray.count;
		if (due)
			assert_int_equal(count_leaves(0), 2);
	}
	assert_int_equal(said, 3);
	assert_true(pipeline_due_ns(s.pipeline) == UINT64_MAX);

	/* Unless there is something newer, or the device has gone elsewhere. */
	one.d.rx_active++;
	announce(&one);
	tick(100);
	one.d.rx_active++;
	announce(&one);
	tick(250);
	assert_int_equal(s.tray.count, 0);
	tick(50);
	assert_int_equal(s.tray.count, 1);
	stage_pass(&s, 600 * NS_PER_MS);
	{
		struct draft d = draft(LETTER_PAGE, 1000);

		put_info(&d, &one, &one.d.keys.cosk, 0);
		assert_int_equal(comes(0, &d), VERDICT_CONSUMED);
		assert_true(is_far(&one, 0));
	}
	for (int ms = 0; ms < 4000; ms += 50) {
		tick(50);
		assert_int_equal(s.tray.count, 0);
	}
}

/* What is in no hurry gathers for a quarter of a second. */
static void
refreshes_gather(void **state)
{
	(void)state;
	announce(&one);
	announce(&two);
	greeted_by(0);
	stage_pass(&s, 3 * NS_PER_S);
	tray_empty(&s.tray);
	stage_info(&s, &one);
	stage_pass(&s, 100 * NS_PER_MS);
	stage_info(&s, &two);
	assert_int_equal(stats_get(&s.stats.letters_out), 0);
	tick(100);
	assert_int_equal(s.tray.count, 0);
	tick(50);
	assert_int_equal(s.tray.count, 1);
	assert_int_equal(count_leaves(0), 4);
}

static void
hellos_go_to_all(void **state)
{
	(void)state;
	pipeline_greet(s.pipeline, s.now);
	assert_int_equal(s.tray.count, 3);
	for (size_t n = 0; n < 3; n++) {
		struct endpoint to = stage_peer((unsigned)n);

		assert_true(endpoint_equal(&s.tray.sent[n].to, &to));
	}
	pipeline_greet(s.pipeline, s.now);
	assert_int_equal(s.tray.count, 3);
	assert_int_equal(stats_get(&s.stats.hellos_out), 3);
}

/* With letters off there are none, neither from here nor from there. */
static void
letters_may_be_off(void **state)
{
	struct draft d = hello(1000, 1);

	(void)state;
	assert_int_equal(comes(0, &d), VERDICT_DROP_UNKNOWN_KIND);
	pipeline_greet(s.pipeline, s.now);
	assert_int_equal(s.tray.count, 0);
	announce(&one);
	assert_int_equal(s.tray.count, 2);
}

#define TEST(function, open) cmocka_unit_test_setup_teardown(function, open, close_stage)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_is_believed, open_clear),
		TEST(a_page_is_believed, open_shrouded),
		TEST(what_is_wrong_in_a_page_does_not_count, open_clear),
		TEST(what_is_no_letter_of_a_cathedral_is_refused, open_clear),
		TEST(hellos_may_grow, open_clear),
		TEST(letters_are_of_their_writer, open_clear),
		TEST(each_is_told_in_its_own_way, open_clear),
		TEST(each_is_told_in_its_own_way, open_shrouded),
		TEST(each_is_told_in_its_own_way, open_narrow),
		TEST(changes_are_said_again, open_clear),
		TEST(refreshes_gather, open_shrouded),
		TEST(hellos_go_to_all, open_shrouded),
		TEST(letters_may_be_off, open_mute),
	};

	if (!aead_init())
		return EXIT_FAILURE;
	random_from_seed(&randomness, seed_for_test());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
