/* SPDX-License-Identifier: ISC */
#include "tools/device/device.h"

#include "protocol/crypto/aead.h"
#include "protocol/crypto/sign.h"
#include "protocol/envelope.h"
#include "tests/support/answer.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1790000000 /* when the vectors were made */

static struct random randomness;

static struct device_moment
moment(int64_t wall_s)
{
	return (struct device_moment){ { 1000 * NS_PER_S, wall_s }, &randomness };
}

static struct endpoint
at(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(&e, text));
	return e;
}

/* The device of a vector, with 192.0.2.1:4500 for its cathedral. */
static struct device
vector_device(const json_t *v, uint16_t tunnel, bool shroud)
{
	struct device_config c = device_config_default();
	struct device_moment m = moment(T0);
	struct device_keys k = { 0 };
	struct endpoint cathedral = at("192.0.2.1:4500");
	struct cosk_public public;
	uint8_t seed[32];
	struct device d;

	c.flock.value = vector_hex(v, "flock_src");
	c.flock_dst.value = vector_hex(v, "flock_dst");
	c.id.value = (uint32_t)vector_hex(v, "id");
	c.tunnel.value = tunnel;
	c.shroud = shroud;
	c.remembrance = true;
	vector_bytes(v, "cs", k.cs.bytes, sizeof(k.cs.bytes));
	vector_bytes(v, "cosk_seed", seed, sizeof(seed));
	sign_key_pair(&k.cosk, &public, seed);
	device_init(&d, &c, &k, &m);
	assert_true(device_add_cathedral(&d, &cathedral, 4501));
	return d;
}

static bool
is_from_cathedral(const json_t *v)
{
	return strcmp(vector_text(v, "direction"), "cathedral to device") == 0;
}

/* Gives the vector's packet to a device, at a time, from an address. */
static struct device_event
give(struct device *d, const json_t *v, const char *from, int64_t wall_s)
{
	struct endpoint source = at(from);
	struct device_moment m = moment(wall_s);
	struct device_event ev;
	uint8_t *bytes;
	size_t len;

	if (d->config.shroud)
		bytes = vector_alloc(vector_object(v, "shroud"), "wire", &len);
	else
		bytes = vector_alloc(v, "packet", &len);
	ev = device_receive(d, bytes, len, &source, m.now);
	free(bytes);
	return ev;
}

static void
expect_info(const struct device_event *ev, const json_t *f)
{
	char text[ENDPOINT_TEXT];

	assert_int_equal(ev->kind, DEVICE_INFO);
	assert_true(ev->info.relayed);
	assert_int_equal(ev->info.same_address, vector_number(f, "flags") == INFO_SAME_ADDRESS);
	assert_string_equal(endpoint_format(&ev->info.peer, text), "192.0.2.1:4500");
	assert_string_equal(endpoint_format(&ev->info.local, text), "198.51.100.7:33333");
}

static void
expect_ambry(const struct device_event *ev, const json_t *f)
{
	assert_int_equal(ev->kind, DEVICE_AMBRY);
	assert_int_equal(ev->ambry.generation, vector_number(f, "generation"));
	assert_int_equal(ev->ambry.expires, vector_number(f, "expires"));
	assert_false(ev->ambry.opened); /* no KEK was given */
}

static void
expect_liturgy(const struct device_event *ev, const json_t *f)
{
	const json_t *peers = vector_list(f, "peers");
	struct kek_set want = { 0 };

	for (size_t i = 0; i < json_array_size(peers); i++)
		kek_set_add(&want, (uint8_t)json_integer_value(json_array_get(peers, i)));
	assert_int_equal(ev->kind, DEVICE_LITURGY);
	assert_int_equal(ev->liturgy.group, vector_number(f, "group"));
	assert_memory_equal(&ev->liturgy.peers, &want, sizeof(want));
}

static void
expect_remembrance(const struct device_event *ev, const json_t *f)
{
	const json_t *list = vector_list(f, "cathedrals");

	assert_int_equal(ev->kind, DEVICE_REMEMBRANCE);
	assert_int_equal(ev->remembrance.count, json_array_size(list));
	for (size_t i = 0; i < ev->remembrance.count; i++) {
		const json_t *entry = json_array_get(list, i);
		uint8_t ip[4];

		inet_pton(AF_INET, json_string_value(json_array_get(entry, 0)), ip);
		assert_memory_equal(ev->remembrance.cathedrals[i].ip, ip, 4);
		assert_int_equal(ev->remembrance.cathedrals[i].port,
		    json_integer_value(json_array_get(entry, 1)));
	}
}

static void
expect_answer(const struct device_event *ev, const json_t *v)
{
	const json_t *f = vector_object(v, "fields");

	switch (vector_number(v, "type")) {
	case OFFER_INFO:
		expect_info(ev, f);
		break;
	case OFFER_AMBRY:
		expect_ambry(ev, f);
		break;
	case OFFER_LITURGY:
		expect_liturgy(ev, f);
		break;
	case OFFER_REMEMBRANCE:
		expect_remembrance(ev, f);
		break;
	default:
		fail_msg("%s: a type that no cathedral sends", vector_text(v, "name"));
	}
}

static void
answers_are_taken(void **state)
{
	json_t *all = vectors_load("offers.json"), *v;
	unsigned taken = 0;
	size_t i;

	(void)state;
	json_array_foreach(all, i, v)
	{
		for (int shroud = 0; is_from_cathedral(v) && shroud < 2; shroud++) {
			struct device d = vector_device(v, 0xcafe, shroud);
			struct device_event ev = give(&d, v, "192.0.2.1:4500", T0);

			expect_answer(&ev, v);
			assert_false(ev.direct);
			taken++;
		}
	}
	assert_int_equal(taken, 10);
	json_decref(all);
}

static void
answers_are_refused(void **state)
{
	static const struct {
		const char *why;
		const char *from;
		int64_t late_s;
		uint32_t other_id;
		enum device_event_kind want; /* DEVICE_INFO: taken, whatever it is */
	} cases[] = {
		{ "10 s old", "192.0.2.1:4500", 10, 0, DEVICE_INFO },
		{ "11 s old", "192.0.2.1:4500", 11, 0, DEVICE_STALE },
		{ "10 s early", "192.0.2.1:4500", -10, 0, DEVICE_INFO },
		{ "11 s early", "192.0.2.1:4500", -11, 0, DEVICE_STALE },
		{ "other port", "192.0.2.1:4501", 0, 0, DEVICE_WRONG_SOURCE },
		{ "other address", "192.0.2.2:4500", 0, 0, DEVICE_WRONG_SOURCE },
		{ "IPv6", "[2001:db8::1]:4500", 0, 0, DEVICE_WRONG_SOURCE },
		{ "other identity", "192.0.2.1:4500", 0, 1, DEVICE_WRONG_ID },
	};
	json_t *all = vectors_load("offers.json"), *v;
	size_t i;

	(void)state;
	json_array_foreach(all, i, v)
	{
		for (size_t n = 0; is_from_cathedral(v) && n < 2 * sizeof(cases) / sizeof(*cases);
		     n++) {
			struct device d = vector_device(v, 0xcafe, n % 2 != 0);
			struct device_event ev;

			d.config.id.value ^= cases[n / 2].other_id;
			ev = give(&d, v, cases[n / 2].from, T0 + cases[n / 2].late_s);
			if (cases[n / 2].want == DEVICE_INFO)
				expect_answer(&ev, v);
			else if (ev.kind != cases[n / 2].want)
				fail_msg("%s, %s: %s", vector_text(v, "name"), cases[n / 2].why,
				    device_event_name(ev.kind));
		}
	}
	json_decref(all);
}

/* Cut anywhere or with one bit wrong, nothing is taken for an answer. */
static void
damage_is_noticed(void **state)
{
	json_t *all = vectors_load("offers.json"), *v;
	struct endpoint cathedral = at("192.0.2.1:4500");
	struct device_moment m = moment(T0);
	size_t i;

	(void)state;
	json_array_foreach(all, i, v)
	{
		struct device d = vector_device(v, 0xcafe, false);
		size_t len;
		uint8_t *whole = vector_alloc(v, "packet", &len);

		for (size_t n = 0; n < 2 * len; n++) {
			size_t keep = n < len ? n : len;
			uint8_t *bytes = exact_copy(whole, keep);
			struct device_event ev;

			if (n >= len)
				bytes[n - len] ^= (uint8_t)(1 << n % 8);
			ev = device_receive(&d, bytes, keep, &cathedral, m.now);
			assert_true(device_refused(ev.kind));
			free(bytes);
		}
		free(whole);
	}
	json_decref(all);
}

static void
noise_is_refused(void **state)
{
	struct device_moment m = moment(T0);
	struct endpoint cathedral = at("192.0.2.1:4500");
	json_t *all = vectors_load("offers.json");
	struct device d = vector_device(json_array_get(all, 0), 0xcafe, true);

	(void)state;
	for (size_t len = 0; len <= PACKET_MAX + 10; len++) {
		uint8_t *bytes = malloc(len);
		struct device_event ev;

		assert_true(bytes != NULL || len == 0);
		random_bytes(&randomness, bytes, len);
		ev = device_receive(&d, bytes, len, &cathedral, m.now);
		assert_int_equal(ev.kind, DEVICE_BAD_SHROUD);
		free(bytes);
	}
	json_decref(all);
}

/* Sets what a vector's info or liturgy says, so that the device must say the same. */
static void
set_fields(struct device *d, const json_t *v)
{
	const json_t *f = vector_object(v, "fields"), *peers;
	uint64_t flags = vector_number(f, "flags");

	d->config.remembrance = (flags & 1) != 0;
	if (vector_number(v, "type") == OFFER_INFO) {
		d->generation = (uint32_t)vector_number(f, "ambry_generation");
		d->rx_active = (uint32_t)vector_number(f, "rx_active");
		d->rx_pending = (uint32_t)vector_number(f, "rx_pending");
		d->instance = vector_hex(f, "instance");
		return;
	}
	d->config.liturgy.group = (uint16_t)vector_number(f, "group");
	d->config.liturgy.hidden = vector_number(f, "hidden") != 0;
	d->config.liturgy.signalling = (flags & LITURGY_SIGNALLING) != 0;
	peers = vector_list(f, "peers");
	for (size_t i = 0; i < json_array_size(peers); i++)
		kek_set_add(&d->config.liturgy.peers,
		    (uint8_t)json_integer_value(json_array_get(peers, i)));
}

/* Our own offer opens with the key of a cathedral and says what the vector says. */
static void
expect_own_offer(const json_t *v, bool shroud)
{
	const json_t *f = vector_object(v, "fields");
	bool liturgy = vector_number(v, "type") == OFFER_LITURGY;
	uint16_t tunnel =
	    (uint16_t)(liturgy ? vector_number(f, "id") << 8 : vector_number(f, "tunnel"));
	struct device d = vector_device(v, tunnel, shroud);
	struct device_moment m = moment(T0);
	struct device_packet sent;
	struct offer_header h;
	struct cosk_public public;
	struct offer_key key;
	struct envelope e;
	struct answer plain;
	uint8_t want[OFFER_DATA_SIZE];

	set_fields(&d, v);
	vector_bytes(v, "data", want, sizeof(want));
	if (liturgy) {
		want[12] = 0; /* there is no device 0 to call */
		device_make_liturgy(&d, &m, &sent);
	} else if (vector_hex(v, "magic") == MAGIC_CIBORIUM) {
		device_make_probe(&d, &m, &sent);
	} else {
		device_make_info(&d, &m, &sent);
	}
	assert_int_equal(sent.to.port, vector_hex(v, "magic") == MAGIC_CIBORIUM ? 4501 : 4500);

	assert_true(
	    answer_unshroud(&plain, &d, liturgy ? DEVICE_SHROUD_OWN : DEVICE_SHROUD_PAIR, &sent));
	assert_int_equal(plain.len, OFFER_SIZE);
	assert_true(offer_header_decode(&h, plain.bytes, plain.len));
	assert_int_equal(h.magic, vector_hex(v, "magic"));
	assert_int_equal(h.flock_src.value, vector_hex(v, "header_flock_src"));
	assert_int_equal(h.flock_dst.value, vector_hex(v, "header_flock_dst"));
	assert_int_equal(h.spi, vector_hex(v, "id"));
	offer_key_device(&key, &d.keys.cs, h.seed, h.flock_src);
	assert_true(envelope_open(&e, plain.bytes, plain.len, &key));
	assert_memory_equal(e.data, want, sizeof(want));
	vector_bytes(v, "cosk_public", public.bytes, sizeof(public.bytes));
	assert_true(envelope_verify(&e, &public));
}

static void
own_offers_are_as_the_vectors(void **state)
{
	json_t *all = vectors_load("offers.json"), *v;
	unsigned made = 0;
	size_t i;

	(void)state;
	json_array_foreach(all, i, v)
	{
		if (is_from_cathedral(v))
			continue;
		expect_own_offer(v, false);
		expect_own_offer(v, true);
		made++;
	}
	assert_int_equal(made, 9);
	json_decref(all);
}

static void
ambry_is_opened(void **state)
{
	json_t *all = vectors_load("offers.json"), *v, *file = vectors_load("ambry.json");
	size_t i;

	(void)state;
	json_array_foreach(all, i, v)
	{
		struct device d = vector_device(v, 0xcafe, true), other = d;
		struct device_event ev;

		if (strcmp(vector_text(v, "name"), "ambry") != 0)
			continue;
		vector_bytes(json_array_get(vector_list(file, "wrap"), 0), "kek", d.keys.kek.bytes,
		    sizeof(d.keys.kek.bytes));
		d.keys.has_kek = true;
		ev = give(&d, v, "192.0.2.1:4500", T0);
		assert_int_equal(ev.kind, DEVICE_AMBRY);
		assert_true(ev.ambry.opened && d.has_secret);
		assert_int_equal(d.generation, 0x11223344);

		/* Another KEK opens nothing and changes nothing. */
		other.keys.has_kek = true;
		ev = give(&other, v, "192.0.2.1:4500", T0);
		assert_int_equal(ev.kind, DEVICE_AMBRY);
		assert_false(ev.ambry.opened || other.has_secret);
		assert_int_equal(other.generation, 0);

		other.config.tunnel.value = 0xcafd;
		assert_int_equal(give(&other, v, "192.0.2.1:4500", T0).kind, DEVICE_WRONG_TUNNEL);
	}
	json_decref(all);
	json_decref(file);
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
		cmocka_unit_test(answers_are_taken),
		cmocka_unit_test(answers_are_refused),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(noise_is_refused),
		cmocka_unit_test(own_offers_are_as_the_vectors),
		cmocka_unit_test(ambry_is_opened),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
