/* SPDX-License-Identifier: ISC */
#include "cathedral/state/identities.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;

struct shown {
	uint8_t bytes[16];
};

static struct shown
fresh(void)
{
	struct shown id;

	random_bytes(&randomness, id.bytes, sizeof(id.bytes));
	return id;
}

static struct identities *
make(size_t capacity, uint32_t per_device)
{
	struct identities *c = identities_create(capacity, per_device, &randomness);

	assert_non_null(c);
	return c;
}

static struct identity
who(uint32_t device)
{
	return (struct identity){ { 0xcafeba00 }, { 0xcafeba00 }, { device }, 0 };
}

static struct endpoint
at(uint8_t last, uint16_t port)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, last }, port);
}

static void
prove(struct identities *c, const struct shown *id, uint32_t device, struct endpoint from,
    uint64_t now_ns)
{
	struct identity w = who(device);

	identities_prove(c, id->bytes, &w, &from, now_ns);
}

/* The device that is found, 0 for none. */
static uint32_t
found(struct identities *c, const struct shown *id, uint64_t now_ns)
{
	struct identity ret = { .device.value = 77 };

	if (identities_find(c, id->bytes, now_ns, &ret))
		return ret.device.value;
	assert_int_equal(ret.device.value, 77); /* untouched */
	return 0;
}

static void
a_candidate_lives_30_seconds(void **state)
{
	struct identities *c = make(100, 10);
	struct shown id = fresh(), other = fresh();
	struct identity w = who(5);

	(void)state;
	assert_int_equal(found(c, &id, T0), 0);
	identities_suggest(c, id.bytes, &w, T0);
	assert_int_equal(found(c, &id, T0), 5);
	assert_int_equal(found(c, &other, T0), 0);
	assert_int_equal(found(c, &id, T0 + 30 * NS_PER_S - 1), 5);
	assert_int_equal(found(c, &id, T0 + 30 * NS_PER_S), 0);
	assert_int_equal(identities_count(c), 0); /* nothing is proven */
	identities_destroy(c);
	identities_destroy(NULL);
}

/* Anyone can make identities of devices: they replace each other and nothing else. */
static void
candidates_take_fixed_memory(void **state)
{
	struct identities *c = make(100, 10);
	struct shown proven = fresh(), id;
	struct identity w = who(6);
	unsigned kept = 0;

	(void)state;
	prove(c, &proven, 5, at(1, 1), T0);
	for (int n = 0; n < 200000; n++) {
		id = fresh();
		identities_suggest(c, id.bytes, &w, T0);
		kept += found(c, &id, T0) == 6; /* the newest is there */
	}
	assert_int_equal(kept, 200000);
	assert_int_equal(found(c, &proven, T0), 5);
	assert_int_equal(identities_count(c), 1);
	identities_destroy(c);
}

/* Two rotations of 300 s, and a little. */
static void
what_is_proven_lives_330_seconds_unused(void **state)
{
	struct identities *c = make(100, 10);
	struct shown id = fresh();
	uint64_t now = T0;

	(void)state;
	prove(c, &id, 5, at(1, 1), now);
	assert_int_equal(found(c, &id, now + 330 * NS_PER_S - 1), 5);
	assert_int_equal(found(c, &id, now + 330 * NS_PER_S), 0);

	/* Each accepted offer renews it; finding it does not. */
	now += 400 * NS_PER_S;
	prove(c, &id, 5, at(1, 1), now);
	assert_int_equal(found(c, &id, now + 330 * NS_PER_S - 1), 5);
	assert_int_equal(found(c, &id, now + 330 * NS_PER_S), 0);
	assert_int_equal(identities_count(c), 1);
	identities_destroy(c);
}

/* A host runs a process for each tunnel, each with an identity of its own. */
static void
a_device_has_several_up_to_its_quota(void **state)
{
	struct identities *c = make(1000, 3);
	struct shown ids[5];

	(void)state;
	for (int n = 0; n < 5; n++) {
		ids[n] = fresh();
		prove(c, &ids[n], 5, at(1, (uint16_t)(100 + n)), T0);
	}
	for (int n = 0; n < 5; n++)
		assert_int_equal(found(c, &ids[n], T0), n < 3 ? 5 : 0);
	prove(c, &ids[3], 6, at(1, 1), T0); /* another device has its own */
	assert_int_equal(found(c, &ids[3], T0), 6);
	assert_int_equal(identities_count(c), 4);

	/* What was swept away counts no longer. */
	for (int part = 0; part < 100; part++)
		identities_sweep(c, 100, T0 + IDENTITY_TTL_NS);
	assert_int_equal(identities_count(c), 0);
	prove(c, &ids[4], 5, at(1, 1), T0 + IDENTITY_TTL_NS);
	assert_int_equal(found(c, &ids[4], T0 + IDENTITY_TTL_NS), 5);
	identities_destroy(c);
}

static void
domains_do_not_matter_but_pairs_do(void **state)
{
	struct identities *c = make(1000, 10);
	struct shown own = fresh(), pair = fresh();
	struct identity w = who(5), x = who(5), ret;
	const struct endpoint from = at(1, 1);

	(void)state;
	x.other.value = 0x123400;
	identities_prove(c, own.bytes, &w, &from, T0);
	identities_prove(c, pair.bytes, &x, &from, T0);
	assert_true(identities_find(c, own.bytes, T0, &ret));
	assert_memory_equal(&ret, &w, sizeof(w));
	assert_true(identities_find(c, pair.bytes, T0, &ret));
	assert_memory_equal(&ret, &x, sizeof(x));
	identities_destroy(c);
}

static void
a_full_table_makes_room_by_expiry_only(void **state)
{
	struct identities *c = make(64, 100000);
	struct shown id, first = fresh();
	size_t full;

	(void)state;
	prove(c, &first, 5, at(1, 1), T0);
	for (int n = 0; n < 5000; n++) {
		id = fresh();
		prove(c, &id, 5, at(1, 1), T0);
	}
	full = identities_count(c);
	assert_true(full >= 64 && full < 5000);
	assert_int_equal(found(c, &first, T0), 5); /* strangers did not push it out */
	for (int n = 0; n < 100; n++) {
		id = fresh();
		prove(c, &id, 5, at(1, 1), T0 + IDENTITY_TTL_NS);
		assert_int_equal(found(c, &id, T0 + IDENTITY_TTL_NS), 5);
	}
	identities_destroy(c);
}

/* ---- hints ---- */

/* The devices hinted at, as a string of letters: 1 is 'a'. */
static const char *
hints(struct identities *c, struct endpoint from)
{
	static char text[IDENTITY_HINTS_MAX + 1];
	struct identity ret[IDENTITY_HINTS_MAX];
	size_t count = identities_hints_near(c, &from, ret);

	count = identities_hints_around(c, &from, ret, count);

	assert_true(count <= IDENTITY_HINTS_MAX);
	for (size_t n = 0; n < count; n++)
		text[n] = (char)('a' + ret[n].device.value - 1);
	text[count] = '\0';
	return text;
}

/* Device (a, b, ...) is heard at an address and port. */
static void
heard(struct identities *c, char device, struct endpoint from)
{
	struct shown id = fresh();

	prove(c, &id, (uint32_t)(device - 'a' + 1), from, T0);
}

static void
hints_go_from_near_to_far(void **state)
{
	struct identities *c = make(10000, 1000);

	(void)state;
	assert_string_equal(hints(c, at(1, 100)), "");
	heard(c, 'a', at(1, 100));
	heard(c, 'b', at(1, 200));
	heard(c, 'c', at(1, 300));
	heard(c, 'd', at(2, 100));
	assert_string_equal(hints(c, at(1, 100)), "abc"); /* port first, then address */
	assert_string_equal(hints(c, at(1, 200)), "bac");
	assert_string_equal(hints(c, at(1, 300)), "cab");
	assert_string_equal(hints(c, at(1, 999)), "abc"); /* a new port */
	assert_string_equal(hints(c, at(2, 999)), "d");
	assert_string_equal(hints(c, at(3, 100)), "");
	heard(c, 'b', at(1, 100));
	assert_string_equal(hints(c, at(1, 100)), "abc"); /* nobody twice */
	identities_destroy(c);
}

/* Four at an address and port, sixteen at an address: the oldest gives way. */
static void
hints_have_a_fixed_number_of_places(void **state)
{
	struct identities *c = make(10000, 1000);

	(void)state;
	for (char device = 'a'; device <= 'f'; device++)
		heard(c, device, at(1, 100));
	/* e and f took the places of a and b there; the address knows all of them. */
	assert_string_equal(hints(c, at(1, 100)), "efcdab");
	for (char device = 'g'; device <= 'r'; device++)
		heard(c, device, at(1, 200));
	assert_string_equal(hints(c, at(1, 300)), "qrcdefghijklmnop");
	assert_string_equal(hints(c, at(1, 100)), "efcdqrghijklmnop");
	identities_destroy(c);
}

static void
a_pair_is_a_hint_of_its_own(void **state)
{
	struct identities *c = make(10000, 1000);
	struct identity w = who(1), x = who(1), ret[IDENTITY_HINTS_MAX];
	struct shown id = fresh(), other = fresh();
	const struct endpoint from = at(1, 1);

	(void)state;
	x.other.value = 0x123400;
	identities_prove(c, id.bytes, &w, &from, T0);
	identities_prove(c, other.bytes, &x, &from, T0);
	assert_int_equal(identities_hints_near(c, &from, ret), 2);
	assert_int_equal(identities_hints_around(c, &from, ret, 2), 2);
	assert_memory_equal(&ret[0], &w, sizeof(w));
	assert_memory_equal(&ret[1], &x, sizeof(x));
	identities_destroy(c);
}

/* Port 0 stands for an address alone; packets never come from there, but nothing breaks. */
static void
hints_stay_bounded_and_expire(void **state)
{
	struct identities *c = make(256, 1u << 20);

	(void)state;
	for (unsigned n = 0; n < 20000; n++) {
		uint16_t port = (uint16_t)(1 + n);

		heard(c, 'a', at((uint8_t)n, port));
		assert_string_equal(hints(c, at((uint8_t)n, port)), "a");
	}
	/* They outlive what was shown. */
	for (int part = 0; part < 200; part++)
		identities_sweep(c, 100, T0 + 630 * NS_PER_S - 1);
	assert_string_equal(hints(c, at((uint8_t)19999, 20000)), "a");
	for (int part = 0; part < 200; part++)
		identities_sweep(c, 100, T0 + 630 * NS_PER_S);
	for (unsigned n = 0; n < 256; n++)
		assert_string_equal(hints(c, at((uint8_t)n, 1)), "");
	identities_destroy(c);
}

/* What is only said of a device may take room that is free, not another's. */
static void
what_is_said_evicts_nobody(void **state)
{
	struct identities *c = make(256, 1u << 20);
	struct identity said = who(2);
	unsigned before = 0, after = 0;

	(void)state;
	identities_expect(c, &said, &(struct endpoint){ .port = 9 }, T0);
	assert_string_equal(hints(c, (struct endpoint){ .port = 10 }), "b");
	for (unsigned n = 0; n < 20000; n++)
		heard(c, 'a', at((uint8_t)n, (uint16_t)(1 + n)));
	for (unsigned n = 0; n < 256; n++)
		before += *hints(c, at((uint8_t)n, 0)) == 'a';
	for (unsigned n = 0; n < 20000; n++) {
		const struct endpoint from =
		    endpoint_from_ipv4((uint8_t[]){ 198, 51, (uint8_t)(n >> 8), (uint8_t)n }, 1);

		identities_expect(c, &said, &from, T0);
	}
	for (unsigned n = 0; n < 256; n++)
		after += *hints(c, at((uint8_t)n, 0)) == 'a';
	assert_true(before > 100);
	assert_int_equal(after, before);
	identities_destroy(c);
}

/* ---- what is left to another ---- */

struct move {
	struct identities *to;
	uint64_t now_ns;
};

static void
give(const struct identity_record *record, void *arg)
{
	const struct move *m = arg;

	(void)identities_restore(m->to, record, m->now_ns);
}

static bool
go_on(void *arg)
{
	(void)arg;
	return true;
}

/* What is restored lives as long as it would have lived where it was. */
static void
what_is_left_keeps_its_age(void **state)
{
	struct identities *c = make(1000, 10);
	struct shown id = fresh();

	(void)state;
	prove(c, &id, 1, at(1, 100), T0);
	for (unsigned s = 0; s <= 640; s += 10) {
		struct move m = { make(1000, 10), T0 + s * NS_PER_S };

		assert_true(identities_changed(c, 0, give, go_on, &m));
		assert_int_equal(found(m.to, &id, m.now_ns), s < 330 ? 1 : 0);
		assert_string_equal(hints(m.to, at(1, 100)), s < 630 ? "a" : "");
		assert_string_equal(hints(m.to, at(1, 999)), s < 630 ? "a" : "");
		identities_destroy(m.to);
	}
	identities_destroy(c);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_candidate_lives_30_seconds),
		cmocka_unit_test(candidates_take_fixed_memory),
		cmocka_unit_test(what_is_proven_lives_330_seconds_unused),
		cmocka_unit_test(a_device_has_several_up_to_its_quota),
		cmocka_unit_test(domains_do_not_matter_but_pairs_do),
		cmocka_unit_test(a_full_table_makes_room_by_expiry_only),
		cmocka_unit_test(hints_go_from_near_to_far),
		cmocka_unit_test(hints_have_a_fixed_number_of_places),
		cmocka_unit_test(a_pair_is_a_hint_of_its_own),
		cmocka_unit_test(hints_stay_bounded_and_expire),
		cmocka_unit_test(what_is_said_evicts_nobody),
		cmocka_unit_test(what_is_left_keeps_its_age),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("identities", tests, NULL, NULL);
}
