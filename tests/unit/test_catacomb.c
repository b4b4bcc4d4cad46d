/* SPDX-License-Identifier: ISC */
/* What cathedrals tell each other, and what is believed of it. */
#include "cathedral/relay/catacomb.h"

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
static struct actor one, two;

static void
plan(bool shrouded, bool sync)
{
	stage_plan(&s, &randomness);
	s.options.listeners[0].shrouded = shrouded;
	s.options.p2p_sync = sync;
	for (unsigned n = 0; n < 2; n++)
		s.peers[n].at = stage_peer(n);
	s.peer_count = 2;
}

static int
open_clear(void **state)
{
	(void)state;
	plan(false, true);
	stage_open(&s);
	return 0;
}

static int
open_shrouded(void **state)
{
	(void)state;
	plan(true, true);
	stage_open(&s);
	return 0;
}

static int
open_without_sync(void **state)
{
	(void)state;
	plan(false, false);
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
cast(void)
{
	one = stage_actor(&s, &s.a[0], a, a, 2, 1);
	two = stage_actor(&s, &s.a[1], a, a, 1, 1);
}

static void
announce(struct actor *who)
{
	if (stage_info(&s, who) == VERDICT_DROP_UNKNOWN_IDENTITY)
		stage_look_up(&s);
}

static struct offer
info_of(const struct actor *who)
{
	return (struct offer){ .type = OFFER_INFO,
		.timestamp = (uint64_t)s.now.wall_s,
		.info = { .tunnel = who->d.config.tunnel,
		    .rx_active = who->d.rx_active,
		    .instance = who->d.instance } };
}

static struct offer_header
header_of(const struct actor *who)
{
	return (struct offer_header){ .flock_src = who->d.config.flock,
		.flock_dst = who->d.config.flock_dst,
		.spi = who->d.config.id.value };
}

/* The n-th other cathedral passes on what a device of its own said. */
static enum verdict
told(unsigned n, const struct actor *who, const struct offer *o)
{
	struct offer_header h = header_of(who);
	struct envelope e;

	if (o->type == OFFER_P2P_INFO)
		envelope_unsigned(&e, o, &s.random);
	else
		envelope_signed(&e, o, &who->d.keys.cosk);
	return stage_catacomb(&s, n, &h, &e);
}

static enum verdict
told_info(unsigned n, const struct actor *who)
{
	struct offer o = info_of(who);

	return told(n, who, &o);
}

static bool
tunnel_of(const struct actor *who, struct tunnel *ret)
{
	struct tunnel_key key =
	    tunnel_key(who->d.config.flock, who->d.config.flock_dst, who->d.config.tunnel);

	return tunnels_find(s.site->tunnels, &key, s.now.mono_ns, ret);
}

/* ---- telling ---- */

struct heard {
	struct offer_header header;
	struct envelope envelope;
	struct offer offer;
};

/* Opens the n-th packet on the tray as the cathedral to which it goes. */
static struct heard
overhear(size_t n)
{
	struct sent *sent = &s.tray.sent[n];
	uint8_t *at = sent->bytes;
	size_t len = sent->len;
	struct offer_key key;
	struct heard h;

	assert_int_equal(sent->listener, 0);
	if (s.options.listeners[0].shrouded) {
		struct shroud_key shroud;
		struct kmac_prefix mask;
		struct kmac_job job;

		shroud_key_federation(&shroud, &stage_secret);
		shroud_mask_prefix(&mask, &shroud);
		at += SHROUD_HEADER_SIZE;
		len -= SHROUD_HEADER_SIZE;
		job = shroud_job(&mask, sent->bytes, at, len);
		kmac_mask(&job, 1);
		len = shroud_unpadded(at, len);
	}
	assert_int_equal(len, OFFER_SIZE);
	assert_true(offer_header_decode(&h.header, at, len));
	assert_true(h.header.magic == MAGIC_CATACOMB);
	offer_key_catacomb(&key, &stage_secret, h.header.seed, h.header.flock_src);
	assert_true(envelope_open(&h.envelope, at, len, &key));
	assert_true(offer_data_decode(&h.offer, h.envelope.data));
	return h;
}

/* Everything about an info goes to each of them, with the device's signature, then where it is. */
static void
an_info_is_told_to_all(void **state)
{
	struct tunnel t;

	(void)state;
	cast();
	one.d.config.no_ambry = true;
	announce(&one);
	assert_true(tunnel_of(&one, &t) && !t.federated);
	assert_int_equal(s.tray.count, 4);
	for (size_t n = 0; n < 4; n++) {
		struct heard h = overhear(n);
		struct endpoint to = stage_peer(n % 2);

		assert_true(endpoint_equal(&s.tray.sent[n].to, &to));
		assert_true(flock_equal(h.header.flock_src, a));
		assert_true(flock_equal(h.header.flock_dst, a));
		assert_int_equal(h.header.spi, 1);
		if (n < 2) {
			assert_int_equal(h.offer.type, OFFER_INFO);
			assert_true(envelope_verify(&h.envelope, &s.a[0].public));
			assert_true(h.offer.info.instance == one.d.instance);
			continue;
		}
		assert_int_equal(h.offer.type, OFFER_P2P_INFO);
		assert_int_equal(h.offer.p2p.tunnel.value, 0x0102);
		assert_memory_equal(h.offer.p2p.ip, one.at.ip + 12, 4);
		assert_int_equal(h.offer.p2p.port, one.at.port);
		assert_int_equal(h.offer.p2p.flags, 0);
	}
}

static void
usability_is_told(void **state)
{
	(void)state;
	cast();
	one.d.config.no_ambry = true;
	announce(&one);
	stage_pass(&s, 15 * NS_PER_S);
	stage_probe(&s, &one);
	tray_empty(&s.tray);
	announce(&one);
	assert_int_equal(overhear(2).offer.p2p.flags, P2P_USABLE);
}

static void
without_sync_no_address_is_told(void **state)
{
	static const uint8_t zeros[4];
	struct heard h;

	(void)state;
	cast();
	one.d.config.no_ambry = true;
	announce(&one);
	assert_int_equal(s.tray.count, 4);
	h = overhear(2);
	assert_int_equal(h.offer.type, OFFER_P2P_INFO);
	assert_int_equal(h.offer.p2p.tunnel.value, 0x0102);
	assert_memory_equal(h.offer.p2p.ip, zeros, 4);
	assert_int_equal(h.offer.p2p.port, 0);
	assert_int_equal(h.offer.p2p.flags, 0);
}

static void
a_liturgy_is_told_to_all(void **state)
{
	struct heard h;

	(void)state;
	one = stage_actor(&s, &s.a[0], flock_with_domain(a, 4), flock_with_domain(a, 4), 2, 1);
	stage_liturgy(&s, &one);
	stage_look_up(&s);
	assert_int_equal(s.tray.count, 3); /* the answer, and one for each */
	h = overhear(1);
	assert_int_equal(h.offer.type, OFFER_LITURGY);
	assert_true(h.header.flock_src.value == (STAGE_A | 4));
	assert_true(h.header.flock_dst.value == (STAGE_A | 4));
	assert_true(envelope_verify(&h.envelope, &s.a[0].public));
	tray_empty(&s.tray);
	stage_pass(&s, NS_PER_S);
	stage_liturgy(&s, &one);
	assert_int_equal(s.tray.count, 0); /* the same rhythm as the answers */
}

static void
what_was_told_to_us_is_told_to_nobody(void **state)
{
	struct offer liturgy;

	(void)state;
	cast();
	liturgy = (struct offer){ .type = OFFER_LITURGY,
		.timestamp = (uint64_t)s.now.wall_s,
		.liturgy = { .id = 1, .flags = LITURGY_WANTS_REMEMBRANCE } };
	assert_int_equal(told_info(0, &one), VERDICT_CONSUMED);
	assert_int_equal(told(0, &one, &liturgy), VERDICT_CONSUMED);
	assert_int_equal(s.tray.count, 0);
	assert_int_equal(stats_get(&s.stats.federated_in), 2);
	assert_int_equal(stats_get(&s.stats.federated_out), 0);
}

static void
nobody_is_told_without_federation(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
	stage_open(&s);
	cast();
	one.d.config.no_ambry = true;
	announce(&one);
	assert_int_equal(s.tray.count, 0);
}

/* ---- being told ---- */

static void
what_is_told_is_known_as_far_away(void **state)
{
	struct tunnel t;
	struct endpoint at = stage_peer(1);

	(void)state;
	cast();
	assert_int_equal(told_info(1, &one), VERDICT_CONSUMED);
	assert_true(tunnel_of(&one, &t));
	assert_true(t.federated);
	assert_true(endpoint_equal(&t.at, &at));
	assert_int_equal(t.rx_active, one.d.rx_active);
	assert_int_equal(t.listener, 0);
	/* It may be told again by another one: it went there. */
	assert_int_equal(told_info(0, &one), VERDICT_CONSUMED);
	assert_true(tunnel_of(&one, &t));
	at = stage_peer(0);
	assert_true(endpoint_equal(&t.at, &at));
}

static void
a_liturgy_that_is_told_counts(void **state)
{
	struct offer liturgy;
	struct device_event ev;

	(void)state;
	cast();
	liturgy = (struct offer){
		.type = OFFER_LITURGY, .timestamp = (uint64_t)s.now.wall_s, .liturgy = { .id = 1 }
	};
	assert_int_equal(told(0, &one, &liturgy), VERDICT_CONSUMED);
	stage_liturgy(&s, &two);
	stage_look_up(&s);
	ev = stage_receive(&s, &two, 0);
	assert_int_equal(ev.kind, DEVICE_LITURGY);
	assert_true(kek_set_has(&ev.liturgy.peers, 1));
}

/* Whatever is not from a configured cathedral, sealed, fresh, signed and new is refused. */
static void
what_is_wrong_is_refused_and_counted(void **state)
{
	struct offer_header h;
	struct offer o, ambry = { .type = OFFER_AMBRY, .timestamp = (uint64_t)STAGE_NOW_S };
	struct envelope e, forged;
	const struct registry_peer *peer;
	struct endpoint at = stage_peer(0);
	struct tunnel t;

	(void)state;
	cast();
	o = info_of(&one);
	envelope_signed(&e, &o, &one.d.keys.cosk);

	h = header_of(&one);
	assert_int_equal(stage_catacomb(&s, 3, &h, &e), VERDICT_DROP_STRANGER);
	h.spi = 2; /* another device's word */
	assert_int_equal(stage_catacomb(&s, 0, &h, &e), VERDICT_DROP_NOT_ALLOWED);
	h.spi = 77;
	assert_int_equal(stage_catacomb(&s, 0, &h, &e), VERDICT_DROP_NOT_ALLOWED);
	h = header_of(&one);
	h.flock_dst = b;
	h.flock_src = (struct flock_id){ 0x123400 };
	assert_int_equal(stage_catacomb(&s, 0, &h, &e), VERDICT_DROP_NOT_ALLOWED);

	h = header_of(&one);
	envelope_signed(&forged, &o, &s.a[1].keys.cosk);
	assert_int_equal(stage_catacomb(&s, 0, &h, &forged), VERDICT_DROP_BAD_SIGNATURE);
	envelope_signed(&forged, &ambry, &one.d.keys.cosk);
	assert_int_equal(stage_catacomb(&s, 0, &h, &forged), VERDICT_DROP_BAD_TYPE);
	o.timestamp -= OFFER_WINDOW_S + 1;
	envelope_signed(&forged, &o, &one.d.keys.cosk);
	assert_int_equal(stage_catacomb(&s, 0, &h, &forged), VERDICT_DROP_STALE);
	assert_false(tunnel_of(&one, &t));

	peer = registry_peer_at(publish_current(s.site->publish), &at);
	assert_int_equal(atomic_load(&peer->stats->offers_bad), 6);
	assert_int_equal(atomic_load(&peer->stats->offers_in), 0);
	assert_true(atomic_load(&peer->stats->heard_ns) == 0);
	assert_int_equal(stage_catacomb(&s, 0, &h, &e), VERDICT_CONSUMED);
	assert_int_equal(atomic_load(&peer->stats->offers_in), 1);
	assert_true(atomic_load(&peer->stats->heard_ns) == s.now.mono_ns);
	assert_int_equal(s.tray.count, 0);
}

static void
a_repeat_is_refused(void **state)
{
	uint8_t wire[OFFER_SIZE];
	struct arrival in = { .from = stage_peer(0), .bytes = wire, .len = sizeof(wire) };
	struct offer_header h;
	struct offer o;
	struct offer_key key;
	struct envelope e;

	(void)state;
	cast();
	h = header_of(&one);
	h.magic = MAGIC_CATACOMB;
	o = info_of(&one);
	envelope_signed(&e, &o, &one.d.keys.cosk);
	offer_key_catacomb(&key, &stage_secret, h.seed, h.flock_src);
	envelope_seal(wire, &h, &e, &key);
	assert_int_equal(stage_give(&s, &in), VERDICT_CONSUMED);
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_REPLAY);
	in.from = stage_peer(1);
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_REPLAY);
	wire[OFFER_SIZE - 20] ^= 1;
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_BAD_SEAL);
}

/* A cathedral is one on the first listener only, and speaks no device's language. */
static void
a_cathedral_is_no_device(void **state)
{
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;
	struct arrival in = { .from = stage_peer(0), .bytes = p.bytes };
	uint8_t magic[OFFER_SIZE] = "CATACOMB";

	(void)state;
	one = stage_actor(&s, &s.a[0], a, a, 2, 0);
	device_make_info(&one.d, &m, &p);
	in.len = p.len;
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_BAD_TYPE);
	in.nat_port = true;
	device_make_probe(&one.d, &m, &p);
	assert_int_not_equal(stage_give(&s, &in), VERDICT_DROP_BAD_TYPE); /* there it is nobody */
	in = (struct arrival){
		.from = stage_peer(0), .listener = 1, .bytes = magic, .len = sizeof(magic)
	};
	assert_int_equal(stage_give(&s, &in), VERDICT_DROP_UNKNOWN_IDENTITY);
}

/* ---- p2p ---- */

static enum verdict
told_p2p(unsigned n, const struct actor *who, bool usable)
{
	struct offer o = { .type = OFFER_P2P_INFO,
		.timestamp = (uint64_t)s.now.wall_s,
		.p2p = { .ip = { 198, 51, 100, 7 },
		    .port = 777,
		    .tunnel = who->d.config.tunnel,
		    .flags = usable ? P2P_USABLE : 0 } };

	return told(n, who, &o);
}

/* Its cathedral died, and it comes here: nobody searches for it. */
static void
a_device_is_known_by_where_it_is_said_to_be(void **state)
{
	(void)state;
	cast();
	told_info(0, &one);
	assert_int_equal(told_p2p(0, &one, false), VERDICT_CONSUMED);
	one.at = endpoint_from_ipv4((const uint8_t[]){ 198, 51, 100, 7 }, 777);
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	one.at.port = 778; /* of another process, or through a NAT that draws ports */
	one.d.seed_id_until_ns = 0;
	assert_int_equal(stage_info(&s, &one), VERDICT_CONSUMED);
	assert_int_equal(stats_get(&s.stats.identity_hits), 2);
	one.at.ip[15]++;
	one.d.seed_id_until_ns = 0;
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
}

/* Without p2p_sync nobody says where devices are, or is believed. */
static void
without_sync_it_has_to_be_searched_for(void **state)
{
	(void)state;
	cast();
	told_info(0, &one);
	assert_int_equal(told_p2p(0, &one, false), VERDICT_CONSUMED);
	one.at = endpoint_from_ipv4((const uint8_t[]){ 198, 51, 100, 7 }, 777);
	assert_int_equal(stage_info(&s, &one), VERDICT_DROP_UNKNOWN_IDENTITY);
}

static void
p2p_is_believed_about_what_is_far(void **state)
{
	struct tunnel t;

	(void)state;
	cast();
	assert_int_equal(told_p2p(0, &one, true), VERDICT_CONSUMED);
	assert_false(tunnel_of(&one, &t)); /* it makes nothing */
	told_info(0, &one);
	assert_int_equal(told_p2p(1, &one, true), VERDICT_CONSUMED);
	assert_true(tunnel_of(&one, &t) && !t.p2p_usable); /* another's tunnel */
	assert_int_equal(told_p2p(0, &one, true), VERDICT_CONSUMED);
	assert_true(tunnel_of(&one, &t) && t.p2p_usable);
	assert_int_equal(t.p2p.port, 777);

	announce(&two); /* a local one is not theirs to place */
	assert_int_equal(told_p2p(0, &two, true), VERDICT_CONSUMED);
	assert_true(tunnel_of(&two, &t) && !t.p2p_usable);
}

static void
without_sync_p2p_is_not_believed(void **state)
{
	struct tunnel t;

	(void)state;
	cast();
	told_info(0, &one);
	assert_int_equal(told_p2p(0, &one, true), VERDICT_CONSUMED);
	assert_true(tunnel_of(&one, &t) && !t.p2p_usable);
	/* And of an end far away no info answer speaks. */
	two.d.config.no_ambry = true;
	announce(&two);
	assert_int_equal(
	    stats_get(&s.stats.info_answers) + stats_get(&s.scanner_stats.info_answers), 0);
}

/* ---- relaying by way of another cathedral ---- */

/* A packet of device two, who talks to the n-th other cathedral, as that one passes it on. */
static enum verdict
data_from_afar(unsigned n)
{
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;

	two.d.config.shroud = false;
	assert_true(device_make_data(&two.d, &m, "0123456789012345678901234567890", 31, &p));
	return stage_from_peer(&s, n, p.bytes, p.len);
}

static enum verdict
exchange_from_afar(unsigned n, uint32_t spi)
{
	static const uint8_t body[100] = { 1 };
	const struct device_exchange x = { spi, body, sizeof(body) };
	struct device_moment m = { s.now, &s.random };
	struct device_packet p;

	two.d.config.shroud = false;
	assert_true(device_make_sacrament(&two.d, &m, &x, &p));
	return stage_from_peer(&s, n, p.bytes, p.len);
}

static void
data_goes_by_way_of_the_other(void **state)
{
	struct endpoint to = stage_peer(1);
	uint32_t spi = 0x02010999;

	(void)state;
	cast();
	announce(&one);
	told_info(1, &two);
	tray_empty(&s.tray);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
	assert_true(endpoint_equal(&s.tray.sent[0].to, &to));
	assert_int_equal(s.tray.sent[0].listener, 0);
	if (s.options.listeners[0].shrouded)
		assert_true(s.tray.sent[0].len > SHROUD_HEADER_SIZE + 100 + DATA_HEADER_SIZE);
	else
		assert_int_equal(s.tray.sent[0].len, 100 + DATA_HEADER_SIZE);

	/* A key exchange goes the same way, and that of the other end is learned here as well. */
	assert_int_equal(stage_sacrament(&s, &one, 0x01020888), VERDICT_RELAYED);
	assert_true(endpoint_equal(&s.tray.sent[1].to, &to));
	one.d.tx_spi = spi;
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_DROP_SPI);
	assert_int_equal(exchange_from_afar(1, spi), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &one, 2).kind, DEVICE_SACRAMENT);
	assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
}

/* Two cathedrals that each believe the other has it: nothing goes back and forth for ever. */
static void
what_came_from_one_goes_to_none(void **state)
{
	(void)state;
	cast();
	told_info(0, &one);
	told_info(1, &two);
	tray_empty(&s.tray);
	assert_int_equal(data_from_afar(0), VERDICT_DROP_LOOP);
	assert_int_equal(data_from_afar(1), VERDICT_DROP_LOOP);
	assert_int_equal(exchange_from_afar(1, 0x02010999), VERDICT_DROP_LOOP);
	assert_int_equal(s.tray.count, 0);
}

static void
data_from_the_other_reaches_a_device(void **state)
{
	(void)state;
	cast();
	announce(&one);
	tray_empty(&s.tray);
	/* The sender need not be known here: the cathedral vouches for it. */
	assert_int_equal(data_from_afar(1), VERDICT_RELAYED);
	assert_int_equal(stage_receive(&s, &one, 0).kind, DEVICE_DATA);
	/* From anybody else it is none. */
	assert_int_equal(data_from_afar(2),
	    s.options.listeners[0].shrouded ? VERDICT_DROP_UNKNOWN_IDENTITY : VERDICT_DROP_SENDER);
}

static void
a_device_that_comes_here_is_local(void **state)
{
	struct tunnel t;

	(void)state;
	cast();
	told_info(0, &one);
	announce(&one);
	assert_true(tunnel_of(&one, &t) && !t.federated);
	assert_true(endpoint_equal(&t.at, &one.at));
	told_info(1, &one);
	assert_true(tunnel_of(&one, &t) && t.federated);
}

#define TEST(test, open) cmocka_unit_test_setup_teardown(test, open, close_stage)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_info_is_told_to_all, open_clear),
		TEST(an_info_is_told_to_all, open_shrouded),
		TEST(usability_is_told, open_shrouded),
		TEST(without_sync_no_address_is_told, open_without_sync),
		TEST(a_liturgy_is_told_to_all, open_shrouded),
		TEST(what_was_told_to_us_is_told_to_nobody, open_shrouded),
		TEST(nobody_is_told_without_federation, NULL),
		TEST(what_is_told_is_known_as_far_away, open_clear),
		TEST(what_is_told_is_known_as_far_away, open_shrouded),
		TEST(a_liturgy_that_is_told_counts, open_shrouded),
		TEST(what_is_wrong_is_refused_and_counted, open_clear),
		TEST(a_repeat_is_refused, open_clear),
		TEST(a_cathedral_is_no_device, open_clear),
		TEST(a_device_is_known_by_where_it_is_said_to_be, open_shrouded),
		TEST(without_sync_it_has_to_be_searched_for, open_without_sync),
		TEST(p2p_is_believed_about_what_is_far, open_shrouded),
		TEST(without_sync_p2p_is_not_believed, open_without_sync),
		TEST(data_goes_by_way_of_the_other, open_clear),
		TEST(data_goes_by_way_of_the_other, open_shrouded),
		TEST(what_came_from_one_goes_to_none, open_clear),
		TEST(what_came_from_one_goes_to_none, open_shrouded),
		TEST(data_from_the_other_reaches_a_device, open_clear),
		TEST(data_from_the_other_reaches_a_device, open_shrouded),
		TEST(a_device_that_comes_here_is_local, open_shrouded),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	return cmocka_run_group_tests_name("catacomb", tests, NULL, NULL);
}
