/* SPDX-License-Identifier: ISC */
/* What a device does of itself as time goes by, and what passes between two of them. */
#include "tools/device/device.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "protocol/wrapping.h"
#include "tests/support/answer.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;

static struct device_moment
second(double s)
{
	return (struct device_moment){ { (uint64_t)(s * NS_PER_S), 1790000000 + (int64_t)s },
		&randomness };
}

static struct endpoint
at(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(&e, text));
	return e;
}

/* One end of a tunnel between flocks f and g, at second 0, with cathedral 192.0.2.1:4500. */
static struct device
device_of(uint64_t f, uint64_t g, uint16_t tunnel, bool shroud)
{
	struct device_config c = device_config_default();
	struct device_moment m = second(0);
	struct endpoint cathedral = at("192.0.2.1:4500");
	struct cosk_public public;
	struct device_keys k;
	uint8_t seed[32];
	struct device d;

	random_bytes(&randomness, &k, sizeof(k));
	random_bytes(&randomness, seed, sizeof(seed));
	sign_key_pair(&k.cosk, &public, seed);
	k.has_kek = true;
	c.flock.value = f;
	c.flock_dst.value = g;
	c.id.value = tunnel;
	c.tunnel.value = tunnel;
	c.shroud = shroud;
	c.remembrance = true;
	c.direct = true;
	device_init(&d, &c, &k, &m);
	assert_true(device_add_cathedral(&d, &cathedral, 4501));
	return d;
}

static struct offer
info_answer(const struct device_moment *m, const char *peer)
{
	struct offer o = { .type = OFFER_INFO, .timestamp = (uint64_t)m->now.wall_s };
	struct endpoint e = at(peer);

	endpoint_ipv4(&e, o.info.peer_ip);
	o.info.peer_port = e.port;
	return o;
}

static struct offer
remembrance_of(const struct device_moment *m, size_t count, const char *const *list)
{
	struct offer o = { .type = OFFER_REMEMBRANCE, .timestamp = (uint64_t)m->now.wall_s };

	o.remembrance.count = count;
	for (size_t i = 0; i < count; i++) {
		struct endpoint e = at(list[i]);

		endpoint_ipv4(&e, o.remembrance.cathedrals[i].ip);
		o.remembrance.cathedrals[i].port = e.port;
	}
	return o;
}

/* Gives the device an offer as from the cathedral that it uses. */
static enum device_event_kind
answer(struct device *d, const struct device_moment *m, const struct offer *o)
{
	struct answer a;

	answer_offer(&a, d, DEVICE_SHROUD_PAIR, o, &randomness);
	return device_receive(d, a.bytes, a.len, device_cathedral(d), m->now).kind;
}

static void
expect_cathedral(const struct device *d, const char *want)
{
	char text[ENDPOINT_TEXT];

	assert_string_equal(endpoint_format(device_cathedral(d), text), want);
}

static void
offers_come_in_time(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, false);
	unsigned infos = 0, probes = 0, liturgies = 0;

	(void)state;
	d.config.liturgy.on = true;
	d.config.liturgy_ns = 10 * NS_PER_S;
	for (double s = 0; s < 60; s += 0.25) {
		struct device_moment m = second(s);
		struct device_packet out;

		if (m.now.mono_ns < device_due(&d)) {
			assert_int_equal(device_step(&d, &m, &out), DEVICE_IDLE);
			continue;
		}
		while (device_step(&d, &m, &out) == DEVICE_SENDS) {
			/* K(ATEDRAL) or C(IBORIUM), then flock_src, then flock_dst: 0 in liturgies.
			 */
			char magic = (char)out.bytes[0];
			bool has_dst = out.bytes[20] == 0xca;

			assert_int_equal(out.len, OFFER_SIZE);
			probes += magic == 'C' && has_dst && out.to.port == 4501;
			infos += magic == 'K' && has_dst && out.to.port == 4500;
			liturgies += magic == 'K' && !has_dst && out.to.port == 4500;
		}
		assert_true(device_due(&d) > m.now.mono_ns);
	}
	assert_int_equal(infos, 12);
	assert_int_equal(probes, 12);
	assert_int_equal(liturgies, 6);
}

/* A process that was stopped for a minute sends one info, not twelve. */
static void
missed_offers_stay_missed(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, false);
	struct device_moment m = second(0);
	struct device_packet out;
	unsigned sent = 0;

	(void)state;
	d.cathedrals[0].nat_port = 0;
	assert_int_equal(device_step(&d, &m, &out), DEVICE_SENDS);
	m = second(61);
	while (device_step(&d, &m, &out) == DEVICE_SENDS)
		sent++;
	assert_int_equal(sent, 1);
	assert_int_equal(device_due(&d), 66 * NS_PER_S);
}

static void
silent_cathedral_is_given_up(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, true);
	struct endpoint second_choice = at("[2001:db8::2]:4500");
	struct device_moment m = second(40);
	struct offer o = info_answer(&m, "192.0.2.1:4500");
	struct device_packet out;
	struct answer a;

	(void)state;
	assert_true(device_add_cathedral(&d, &second_choice, 0));
	assert_int_equal(answer(&d, &m, &o), DEVICE_INFO);

	m = second(84.9);
	while (device_step(&d, &m, &out) == DEVICE_SENDS)
		;
	expect_cathedral(&d, "192.0.2.1:4500");
	assert_int_equal(device_due(&d), 85 * NS_PER_S);

	m = second(85);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
	expect_cathedral(&d, "[2001:db8::2]:4500");
	assert_int_equal(device_step(&d, &m, &out), DEVICE_SENDS);
	assert_true(endpoint_equal(&out.to, &second_choice));
	assert_int_equal(device_step(&d, &m, &out), DEVICE_IDLE);

	/* The old one is not listened to any more; the new one gets its own 45 s. */
	o = info_answer(&m, "192.0.2.1:4500");
	answer_offer(&a, &d, DEVICE_SHROUD_PAIR, &o, &randomness);
	assert_int_equal(device_receive(&d, a.bytes, a.len, &d.cathedrals[0].at, m.now).kind,
	    DEVICE_WRONG_SOURCE);
	m = second(130.1);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
	expect_cathedral(&d, "192.0.2.1:4500");
}

/* With nowhere else to go it goes on asking. */
static void
only_cathedral_is_kept(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, false);
	struct device_packet out;
	unsigned sent = 0;

	(void)state;
	for (double s = 0; s < 300; s++) {
		struct device_moment m = second(s);
		enum device_did did;

		while ((did = device_step(&d, &m, &out)) != DEVICE_IDLE) {
			assert_int_equal(did, DEVICE_SENDS);
			sent++;
		}
	}
	assert_int_equal(sent, 2 * 300 / 5);
	expect_cathedral(&d, "192.0.2.1:4500");
}

/* Answers that are refused do not keep a cathedral alive. */
static void
refused_answers_do_not_count(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, true);
	struct endpoint other = at("192.0.2.2:4500");
	struct device_moment m = second(30), late = second(41);
	struct offer o = info_answer(&m, "192.0.2.1:4500");
	struct device_packet out;

	(void)state;
	assert_true(device_add_cathedral(&d, &other, 0));
	assert_int_equal(answer(&d, &late, &o), DEVICE_STALE);
	o.type = OFFER_P2P_INFO;
	assert_int_equal(answer(&d, &m, &o), DEVICE_BAD_OFFER);
	m = second(45);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
}

static void
remembrance_replaces_the_last(void **state)
{
	static const char *const first[] = { "192.0.2.1:4500", "192.0.2.7:1", "192.0.2.8:2" };
	static const char *const then[] = { "192.0.2.9:3" };
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, false);
	struct device_moment m = second(0);
	struct offer o = remembrance_of(&m, 3, first);
	struct device_packet out;

	(void)state;
	assert_int_equal(answer(&d, &m, &o), DEVICE_REMEMBRANCE);
	assert_int_equal(d.cathedral_count, 3);
	expect_cathedral(&d, "192.0.2.1:4500");

	m = second(45);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
	expect_cathedral(&d, "192.0.2.7:1");
	assert_int_equal(d.cathedrals[1].nat_port, 4501);

	/* The one in use stays although it is not named, and what was given stays, too. */
	o = remembrance_of(&m, 1, then);
	assert_int_equal(answer(&d, &m, &o), DEVICE_REMEMBRANCE);
	assert_int_equal(d.cathedral_count, 3);
	expect_cathedral(&d, "192.0.2.7:1");
	m = second(90);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
	expect_cathedral(&d, "192.0.2.9:3");
	m = second(135);
	assert_int_equal(device_step(&d, &m, &out), DEVICE_MOVED);
	expect_cathedral(&d, "192.0.2.1:4500");
}

static void
remembrance_fits_and_needs_asking(void **state)
{
	struct device d = device_of(0xcafeba00, 0xcafeba00, 0xcafe, false);
	struct device_moment m = second(0);
	struct offer o = { .type = OFFER_REMEMBRANCE, .timestamp = (uint64_t)m.now.wall_s };

	(void)state;
	o.remembrance.count = REMEMBRANCE_MAX;
	for (uint8_t i = 0; i < REMEMBRANCE_MAX; i++) {
		memcpy(o.remembrance.cathedrals[i].ip, (uint8_t[]){ 10, 0, 0, i }, 4);
		o.remembrance.cathedrals[i].port = 1;
	}
	d.config.remembrance = false;
	assert_int_equal(answer(&d, &m, &o), DEVICE_REMEMBRANCE);
	assert_int_equal(d.cathedral_count, 1);
	d.config.remembrance = true;
	assert_int_equal(answer(&d, &m, &o), DEVICE_REMEMBRANCE);
	assert_int_equal(d.cathedral_count, DEVICE_CATHEDRALS);
	expect_cathedral(&d, "192.0.2.1:4500");
	assert_false(device_add_cathedral(&d, device_cathedral(&d), 0));
}

static void
shroud_identity_lasts_300_s(void **state)
{
	struct device d = device_of(0xaaaaaa00, 0xbbbbbb00, 0x0102, true);
	uint8_t first[32];
	struct device_packet out;
	struct answer plain;
	size_t shortest = SIZE_MAX, longest = 0;

	(void)state;
	for (double s = 0; s <= 300; s += 1) {
		struct device_moment m = second(s);

		device_make_info(&d, &m, &out);
		assert_true(answer_unshroud(&plain, &d, DEVICE_SHROUD_PAIR, &out));
		if (s == 0)
			memcpy(first, out.bytes, sizeof(first));
		assert_int_equal(memcmp(first, out.bytes, sizeof(first)) == 0, s < 300);
		assert_int_equal(memcmp(first + 16, out.bytes + 16, 16) == 0, s < 300);
		shortest = out.len < shortest ? out.len : shortest;
		longest = out.len > longest ? out.len : longest;

		device_make_liturgy(&d, &m, &out);
		assert_true(answer_unshroud(&plain, &d, DEVICE_SHROUD_OWN, &out));
		assert_false(answer_unshroud(&plain, &d, DEVICE_SHROUD_PAIR, &out));
	}
	/* 301 uniform draws between 672 and 1372: missing a whole fifth has odds below 1e-28. */
	assert_true(shortest >= 672 && shortest < 812);
	assert_true(longest <= 1372 && longest > 1232);
}

/* Under shroud an answer may come under the pair of flocks or under the own flock twice. */
static void
both_shrouds_are_opened(void **state)
{
	struct device d = device_of(0xaaaaaa00, 0xbbbbbb00, 0x0102, true);
	struct device stranger = device_of(0xaaaaaa00, 0xbbbbbb00, 0x0102, true);
	struct device_moment m = second(0);
	struct offer o = info_answer(&m, "192.0.2.1:4500");
	struct answer a;

	(void)state;
	for (int which = 0; which < DEVICE_SHROUDS; which++) {
		answer_offer(&a, &d, which, &o, &randomness);
		assert_int_equal(
		    device_receive(&d, a.bytes, a.len, device_cathedral(&d), m.now).kind,
		    DEVICE_INFO);
	}
	answer_offer(&a, &stranger, DEVICE_SHROUD_PAIR, &o, &randomness);
	assert_int_equal(device_receive(&d, a.bytes, a.len, device_cathedral(&d), m.now).kind,
	    DEVICE_BAD_SHROUD);
}

/* What one end sends, as a cathedral would relay it, comes out at the other end. */
static struct device_event
relay(struct device *from, struct device *to, const struct device_packet *sent, struct answer *a)
{
	struct answer plain;

	assert_true(answer_unshroud(&plain, from, DEVICE_SHROUD_PAIR, sent));
	answer_relay(a, to, plain.bytes, plain.len, &randomness);
	return device_receive(to, a->bytes, a->len, device_cathedral(to), second(0).now);
}

static void
data_reaches_the_peer(void **state)
{
	static const struct {
		uint64_t flock_a, flock_b;
		bool shroud;
	} cases[] = {
		{ 0xcafeba00, 0xcafeba00, false },
		{ 0xcafeba07, 0xcafeba07, true },
		{ 0xaaaaaa00, 0xbbbbbb00, false },
		{ 0xaaaaaa05, 0xbbbbbb05, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t f = cases[i].flock_a, g = cases[i].flock_b;
		struct device a = device_of(f, g, 0xcafe, cases[i].shroud);
		struct device b = device_of(g, f, 0xfeca, cases[i].shroud);
		struct device_moment m = second(0);
		struct device_packet out;
		struct device_event ev;
		struct answer in;
		uint8_t payload[DEVICE_PAYLOAD_MAX + 1];

		random_bytes(&randomness, payload, sizeof(payload));
		assert_true(device_make_data(&a, &m, payload, 1200, &out));
		ev = relay(&a, &b, &out, &in);
		assert_int_equal(ev.kind, DEVICE_DATA);
		assert_int_equal(ev.data.len, 1200);
		assert_memory_equal(ev.data.payload, payload, 1200);
		assert_int_equal(ev.data.header.pn, 1);

		/* Neither an SPI of somebody else nor another domain is taken. */
		b.rx_active ^= 1;
		assert_true(device_make_data(&a, &m, payload, 100, &out));
		assert_int_equal(relay(&a, &b, &out, &in).kind, DEVICE_WRONG_SPI);
		b.rx_pending = b.rx_active ^ 1;
		assert_int_equal(relay(&a, &b, &out, &in).kind, DEVICE_DATA);
		b.config.flock.value ^= 1;
		assert_int_equal(relay(&a, &b, &out, &in).kind, DEVICE_WRONG_SPI);

		assert_true(device_make_data(&a, &m, payload, DEVICE_PAYLOAD_MAX, &out));
		assert_false(device_make_data(&a, &m, payload, DEVICE_PAYLOAD_MAX + 1, &out));
	}
}

static void
key_exchange_reaches_the_peer(void **state)
{
	struct device a = device_of(0xcafeba00, 0xcafeba00, 0xcafe, true);
	struct device b = device_of(0xcafeba00, 0xcafeba00, 0xfeca, true);
	struct device_moment m = second(0);
	struct device_exchange x = {
		.new_spi = 0xcafe4711, .body = "a body of some length", .len = 22
	};
	struct device_packet out;
	struct device_event ev;
	struct answer in;

	(void)state;
	assert_true(device_make_sacrament(&a, &m, &x, &out));
	ev = relay(&a, &b, &out, &in);
	assert_int_equal(ev.kind, DEVICE_SACRAMENT);
	assert_int_equal(ev.sacrament.header.spi, 0xcafe4711);
	assert_int_equal(ev.sacrament.len, 22);
	assert_memory_equal(ev.sacrament.body, x.body, 22);

	x.new_spi = 0xcaff4711;
	assert_true(device_make_sacrament(&a, &m, &x, &out));
	assert_int_equal(relay(&a, &b, &out, &in).kind, DEVICE_WRONG_SPI);
	x.len = DEVICE_PACKET_MAX;
	assert_false(device_make_sacrament(&a, &m, &x, &out));
}

/* Wraps one secret for a device, as an ambry of its tunnel. */
static struct offer
ambry_for(const struct device *d, const struct device_moment *m, const struct tunnel_secret *secret)
{
	struct offer o = { .type = OFFER_AMBRY, .timestamp = (uint64_t)m->now.wall_s };
	struct bundle_head head = { .expires = 3000, .generation = 77 };
	struct ambry_place place = { flock_base(d->config.flock), flock_base(d->config.flock_dst),
		d->config.tunnel };
	struct kek_unwrap_key k1;

	random_bytes(&randomness, head.seed, sizeof(head.seed));
	kek_unwrap_key_derive(&k1, &d->keys.kek, d->config.flock, d->config.flock_dst);
	ambry_wrap(o.ambry.key, o.ambry.tag, secret, &k1, &head, &place);
	o.ambry.tunnel = d->config.tunnel;
	o.ambry.expires = head.expires;
	o.ambry.generation = head.generation;
	memcpy(o.ambry.seed, head.seed, sizeof(head.seed));
	return o;
}

static void
peers_talk_directly(void **state)
{
	struct device a = device_of(0xaaaaaa00, 0xbbbbbb00, 0xcafe, true);
	struct device b = device_of(0xbbbbbb00, 0xaaaaaa00, 0xfeca, true);
	struct endpoint at_a = at("198.51.100.1:1111"), at_b = at("198.51.100.2:2222");
	struct device_moment m = second(0);
	struct tunnel_secret secret = { { 1, 2, 3 } };
	struct offer for_a = ambry_for(&a, &m, &secret), for_b = ambry_for(&b, &m, &secret);
	struct offer o = info_answer(&m, "198.51.100.2:2222");
	struct device_packet out;
	struct device_event ev;
	struct answer in;

	(void)state;
	assert_false(device_make_direct(&a, &m, "payload of some length", 22, &out));
	assert_int_equal(answer(&a, &m, &for_a), DEVICE_AMBRY);
	assert_int_equal(answer(&b, &m, &for_b), DEVICE_AMBRY);
	assert_memory_equal(&a.secret, &secret, sizeof(secret));
	assert_false(device_make_direct(&a, &m, "payload of some length", 22, &out));
	assert_int_equal(answer(&a, &m, &o), DEVICE_INFO);
	assert_true(device_make_direct(&a, &m, "payload of some length", 22, &out));
	assert_true(endpoint_equal(&out.to, &at_b));

	/* The peer takes it from that address alone, once it knows it. */
	in.len = out.len;
	memcpy(in.bytes, out.bytes, out.len);
	assert_int_equal(
	    device_receive(&b, in.bytes, in.len, &at_a, m.now).kind, DEVICE_WRONG_SOURCE);
	o = info_answer(&m, "198.51.100.1:1111");
	assert_int_equal(answer(&b, &m, &o), DEVICE_INFO);
	assert_int_equal(
	    device_receive(&b, in.bytes, in.len, &at_b, m.now).kind, DEVICE_WRONG_SOURCE);
	ev = device_receive(&b, in.bytes, in.len, &at_a, m.now);
	assert_int_equal(ev.kind, DEVICE_DATA);
	assert_true(ev.direct);
	assert_memory_equal(ev.data.payload, "payload of some length", 22);

	/* Offers come from cathedrals only, and a restarted device has forgotten all this. */
	answer_offer(&in, &b, DEVICE_SHROUD_PAIR, &o, &randomness);
	assert_true(device_refused(device_receive(&b, in.bytes, in.len, &at_a, m.now).kind));
	device_restart(&a, &m);
	assert_false(device_make_direct(&a, &m, "payload of some length", 22, &out));
	assert_int_equal(a.generation, 0);
}

static int
prepare(void **state)
{
	(void)state;
	random_for_test(&randomness);
	return aead_init() ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_come_in_time),
		cmocka_unit_test(missed_offers_stay_missed),
		cmocka_unit_test(silent_cathedral_is_given_up),
		cmocka_unit_test(only_cathedral_is_kept),
		cmocka_unit_test(refused_answers_do_not_count),
		cmocka_unit_test(remembrance_replaces_the_last),
		cmocka_unit_test(remembrance_fits_and_needs_asking),
		cmocka_unit_test(shroud_identity_lasts_300_s),
		cmocka_unit_test(both_shrouds_are_opened),
		cmocka_unit_test(data_reaches_the_peer),
		cmocka_unit_test(key_exchange_reaches_the_peer),
		cmocka_unit_test(peers_talk_directly),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
