/* SPDX-License-Identifier: ISC */
#include "cathedral/state/tunnels.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0        (1000 * NS_PER_S)
#define SPI       UINT32_C(0x01020007)
#define ALL_LIVES (ENTRY_TTL_NS - 1)

static struct random randomness;
static const struct device_id alice = { 0xa11ce }, bob = { 0xb0b };
static const struct flock_id flock = { 0xcafeba00 };

static struct tunnels *
make(size_t capacity, uint32_t per_device)
{
	struct tunnels *t = tunnels_create(capacity, per_device, &randomness);

	assert_non_null(t);
	return t;
}

static struct tunnel_key
key_of(uint8_t own, uint8_t peer)
{
	return tunnel_key(flock, flock, tunnel_between(own, peer));
}

static struct endpoint
at(uint8_t last, uint16_t port)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, last }, port);
}

/* What a test wants an entry to say. */
struct wish {
	struct endpoint at;
	uint32_t rx_active, rx_pending, rx_learned;
	uint8_t listener;
	bool federated;
	unsigned called, created;
};

static void
grant(struct tunnel *t, bool created, void *arg)
{
	struct wish *w = arg;

	w->called++;
	w->created += created;
	t->at = w->at;
	t->listener = w->listener;
	t->federated = w->federated;
	t->rx_active = w->rx_active;
	t->rx_pending = w->rx_pending;
	t->rx_learned = w->rx_learned;
}

/* An info at T0 + s seconds. */
static void
refresh(struct tunnel *t, bool created, void *arg)
{
	(void)created;
	t->seen_ns = *(uint64_t *)arg;
}

static enum tunnels_result
seen(struct tunnels *t, struct tunnel_key key, struct device_id device, uint64_t now_ns)
{
	return tunnels_change(t, &key, device, true, now_ns, refresh, &now_ns);
}

static bool
known(struct tunnels *t, struct tunnel_key key, uint64_t now_ns)
{
	struct tunnel ignored;

	return tunnels_find(t, &key, now_ns, &ignored);
}

static void
keys_have_two_ends(void **state)
{
	struct flock_id other = { 0x123401 };
	struct tunnel_key k = tunnel_key(flock, other, tunnel_between(3, 9));
	struct tunnel_key back = tunnel_key_reverse(k), again = tunnel_key_reverse(back);

	(void)state;
	assert_true(back.src.value == other.value && back.dst.value == flock.value);
	assert_int_equal(back.id, 0x0903);
	assert_memory_equal(&again, &k, sizeof(k));
}

static void
an_entry_is_made_found_and_changed(void **state)
{
	struct tunnels *t = make(100, 10);
	struct tunnel_key key = key_of(1, 2);
	struct wish w = { .at = at(1, 1000), .rx_active = SPI, .listener = 3 };
	struct tunnel got = { .instance = 77 };

	(void)state;
	assert_false(tunnels_find(t, &key, T0, &got));
	assert_int_equal(got.instance, 77); /* untouched */
	assert_int_equal(tunnels_change(t, &key, alice, false, T0, grant, &w), TUNNELS_ABSENT);
	assert_int_equal(w.called, 0);

	assert_int_equal(tunnels_change(t, &key, alice, true, T0, grant, &w), TUNNELS_OK);
	assert_int_equal(w.created, 1);
	assert_true(tunnels_find(t, &key, T0, &got));
	assert_true(endpoint_equal(&got.at, &w.at));
	assert_int_equal(got.device.value, alice.value);
	assert_int_equal(got.seen_ns, T0);
	assert_int_equal(got.listener, 3);
	assert_int_equal(got.instance, 0);

	/* A change is no info: the age stays. */
	assert_int_equal(tunnels_change(t, &key, alice, false, T0 + 5, grant, &w), TUNNELS_OK);
	assert_int_equal(w.called, 2);
	assert_int_equal(w.created, 1);
	assert_true(tunnels_find(t, &key, T0 + 5, &got));
	assert_int_equal(got.seen_ns, T0);
	assert_int_equal(tunnels_count(t), 1);
	tunnels_destroy(t);
	tunnels_destroy(NULL);
}

/* Domain, direction and numbers are all part of the key. */
static void
entries_do_not_mix(void **state)
{
	struct tunnels *t = make(100, 10);
	const struct tunnel_key others[] = {
		tunnel_key((struct flock_id){ flock.value | 1 },
		    (struct flock_id){ flock.value | 1 }, tunnel_between(1, 2)),
		tunnel_key(flock, (struct flock_id){ 0xff00 }, tunnel_between(1, 2)),
		tunnel_key((struct flock_id){ 0xff00 }, flock, tunnel_between(1, 2)),
		key_of(2, 1),
		key_of(1, 3),
	};

	(void)state;
	assert_int_equal(seen(t, key_of(1, 2), alice, T0), TUNNELS_OK);
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		assert_false(known(t, others[n], T0));
	tunnels_destroy(t);
}

static void
an_entry_lives_120_seconds(void **state)
{
	struct tunnels *t = make(100, 10);
	struct tunnel_route route;
	struct tunnel_key key = key_of(1, 2);
	struct wish w = { .at = at(1, 1000), .rx_active = SPI };
	uint64_t end = T0 + 120 * NS_PER_S;
	const struct endpoint from = at(1, 1000);

	(void)state;
	tunnels_change(t, &key, alice, true, T0, grant, &w);
	assert_true(known(t, key, end - 1));
	assert_int_equal(tunnels_route(t, &key, alice, SPI, 0, 1, end - 1, &route), ROUTE_OK);
	assert_true(tunnels_is_at(t, &key, alice, &from, 0, end - 1));

	assert_false(known(t, key, end));
	assert_int_equal(tunnels_route(t, &key, alice, SPI, 0, 1, end, &route), ROUTE_ABSENT);
	assert_false(tunnels_is_at(t, &key, alice, &from, 0, end));
	assert_int_equal(tunnels_change(t, &key, alice, false, end, grant, &w), TUNNELS_ABSENT);

	/* Heard of again, it is a new one. */
	tunnels_change(t, &key, alice, true, T0, grant, &w);
	assert_int_equal(w.created, 2);
	assert_int_equal(tunnels_change(t, &key, alice, true, end, grant, &w), TUNNELS_OK);
	assert_int_equal(w.created, 3);
	assert_int_equal(tunnels_count(t), 1);
	tunnels_destroy(t);
}

static void
a_sweep_removes_what_expired(void **state)
{
	struct tunnels *t = make(1000, 255);
	size_t gone = 0;

	(void)state;
	for (unsigned n = 1; n <= 200; n++)
		assert_int_equal(
		    seen(t, key_of(1, (uint8_t)n), alice, T0 + (n % 2) * NS_PER_S), TUNNELS_OK);
	for (int part = 0; part < 100; part++)
		gone += tunnels_sweep(t, 100, T0 + ALL_LIVES);
	assert_int_equal(gone, 0);
	for (int part = 0; part < 100; part++)
		gone += tunnels_sweep(t, 100, T0 + ENTRY_TTL_NS);
	assert_int_equal(gone, 100);
	assert_int_equal(tunnels_count(t), 100);
	for (int part = 0; part < 100; part++)
		gone += tunnels_sweep(t, 100, T0 + NS_PER_S + ENTRY_TTL_NS);
	assert_int_equal(gone, 200);
	assert_int_equal(tunnels_count(t), 0);
	tunnels_destroy(t);
}

static void
a_device_has_a_quota(void **state)
{
	struct tunnels *t = make(100, 3);

	(void)state;
	for (uint8_t n = 1; n <= 3; n++)
		assert_int_equal(seen(t, key_of(1, n), alice, T0), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(1, 4), alice, T0), TUNNELS_QUOTA);
	assert_int_equal(seen(t, key_of(1, 1), alice, T0 + 1), TUNNELS_OK); /* has it already */
	assert_int_equal(seen(t, key_of(2, 1), bob, T0), TUNNELS_OK);       /* has his own */
	assert_int_equal(tunnels_count(t), 4);

	/* What was swept away counts no longer. */
	assert_int_equal(tunnels_sweep(t, 1, T0 + ENTRY_TTL_NS), 3);
	assert_int_equal(seen(t, key_of(1, 4), alice, T0 + ENTRY_TTL_NS), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(1, 5), alice, T0 + ENTRY_TTL_NS), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(1, 6), alice, T0 + ENTRY_TTL_NS), TUNNELS_QUOTA);
	tunnels_destroy(t);
}

/* The number went to another device: its tunnel starts anew, and the old device's quota is free. */
static void
another_device_begins_anew(void **state)
{
	struct tunnels *t = make(100, 1);
	struct tunnel_key key = key_of(1, 2);
	struct wish w = { .at = at(1, 1000), .rx_active = SPI };
	const struct endpoint from = at(1, 1000);
	struct tunnel_route route;
	struct tunnel got;

	(void)state;
	tunnels_change(t, &key, alice, true, T0, grant, &w);
	assert_int_equal(tunnels_route(t, &key, bob, SPI, 0, 1, T0, &route), ROUTE_ABSENT);
	assert_false(tunnels_is_at(t, &key, bob, &from, 0, T0));

	assert_int_equal(seen(t, key, bob, T0 + 1), TUNNELS_OK);
	assert_true(tunnels_find(t, &key, T0 + 1, &got));
	assert_int_equal(got.device.value, bob.value);
	assert_int_equal(got.rx_active, 0);
	assert_int_equal(tunnels_route(t, &key, alice, SPI, 0, 1, T0 + 1, &route), ROUTE_ABSENT);
	assert_int_equal(seen(t, key_of(1, 3), alice, T0 + 1), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(1, 4), bob, T0 + 1), TUNNELS_QUOTA);
	tunnels_destroy(t);
}

/* A tunnel between number n / 256 and n % 256; 37 devices take turns. */
static enum tunnels_result
fill_one(struct tunnels *t, unsigned n)
{
	return seen(t, key_of((uint8_t)(n >> 8), (uint8_t)n), (struct device_id){ n % 37 }, T0);
}

/* Expired entries make room; live ones never do. */
static void
a_full_table_refuses(void **state)
{
	struct tunnels *t = make(64, 255);
	size_t room = tunnels_capacity(t), made = 0;
	uint64_t later = T0 + ENTRY_TTL_NS;
	struct device_id carol = { 99 };

	(void)state;
	for (unsigned n = 0; made < room && n < 65536; n++) {
		enum tunnels_result result = fill_one(t, n);

		assert_true(result == TUNNELS_OK || result == TUNNELS_FULL);
		made += result == TUNNELS_OK;
	}
	assert_int_equal(made, room);
	assert_int_equal(tunnels_count(t), room);
	for (unsigned n = 0; n < 256; n++) {
		struct tunnel_key key = key_of(1, (uint8_t)n);

		key.dst.value = 0x100;
		assert_int_equal(seen(t, key, carol, T0 + ALL_LIVES), TUNNELS_FULL);
	}
	/* Refused ones did not use up the quota. */
	for (unsigned n = 0; n < 255; n++)
		assert_int_equal(seen(t, key_of(254, (uint8_t)n), carol, later), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(254, 255), carol, later), TUNNELS_QUOTA);
	tunnels_destroy(t);
}

/* However many devices share it, a table that is full says so and blames no device. */
static void
a_full_table_is_no_quota(void **state)
{
	struct tunnels *t = make(200000, 5);
	unsigned refused = 0;

	(void)state;
	for (unsigned n = 0; n < 250000; n++) {
		struct tunnel_key key = key_of(1, 2);
		enum tunnels_result result;

		key.src.value = (n + 1) * UINT64_C(256);
		result = seen(t, key, alice, T0);
		assert_true(result == TUNNELS_OK || result == TUNNELS_FULL);
		refused += result == TUNNELS_FULL;
	}
	assert_int_equal(tunnels_count(t), 250000 - refused);
	assert_true(refused >= 250000 - tunnels_capacity(t));
	tunnels_destroy(t);
}

static void
only_the_spis_of_the_receiver_pass(void **state)
{
	static const struct {
		uint32_t active, pending, learned, spi;
		enum tunnels_route_result want;
	} cases[] = {
		{ SPI, 0, 0, SPI, ROUTE_OK },
		{ 0, SPI, 0, SPI, ROUTE_OK },
		{ 0, 0, SPI, SPI, ROUTE_OK },
		{ SPI, SPI + 1, SPI + 2, SPI + 1, ROUTE_OK },
		{ SPI, SPI + 1, SPI + 2, SPI + 2, ROUTE_OK },
		{ SPI, SPI + 1, SPI + 2, SPI + 3, ROUTE_SPI },
		{ SPI, SPI + 1, SPI + 2, SPI - 1, ROUTE_SPI },
		{ SPI, 0, 0, 0, ROUTE_SPI }, /* 0 stands for none, everywhere */
		{ 0, 0, 0, 0, ROUTE_SPI },
		{ 0, 0, 0, SPI, ROUTE_SPI },
	};
	struct tunnels *t = make(100, 10);
	struct tunnel_key key = key_of(1, 2);
	struct tunnel_route route;

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct wish w = { .at = at((uint8_t)n, 4500),
			.rx_active = cases[n].active,
			.rx_pending = cases[n].pending,
			.rx_learned = cases[n].learned,
			.listener = (uint8_t)n,
			.federated = n % 2 == 1 };

		tunnels_change(t, &key, alice, true, T0, grant, &w);
		memset(&route, 0xee, sizeof(route));
		assert_int_equal(
		    tunnels_route(t, &key, alice, cases[n].spi, 0, 100, T0, &route), cases[n].want);
		if (cases[n].want != ROUTE_OK) {
			assert_int_equal(route.listener, 0xee); /* untouched */
			continue;
		}
		assert_true(endpoint_equal(&route.at, &w.at));
		assert_int_equal(route.listener, n);
		assert_int_equal(route.federated, n % 2 == 1);
	}
	tunnels_destroy(t);
}

static void
where_a_tunnel_is_must_match_exactly(void **state)
{
	struct tunnels *t = make(100, 10);
	struct tunnel_key key = key_of(1, 2), reverse = key_of(2, 1);
	struct wish w = { .at = at(1, 1000), .listener = 2 };
	const struct endpoint here = at(1, 1000), port = at(1, 1001), ip = at(2, 1000);

	(void)state;
	tunnels_change(t, &key, alice, true, T0, grant, &w);
	assert_true(tunnels_is_at(t, &key, alice, &here, 2, T0));
	assert_false(tunnels_is_at(t, &key, alice, &port, 2, T0));
	assert_false(tunnels_is_at(t, &key, alice, &ip, 2, T0));
	assert_false(tunnels_is_at(t, &key, alice, &here, 1, T0));
	assert_false(tunnels_is_at(t, &key, bob, &here, 2, T0));
	assert_false(tunnels_is_at(t, &reverse, alice, &here, 2, T0));

	/* At another cathedral: nothing comes from there by itself. */
	w.federated = true;
	tunnels_change(t, &key, alice, true, T0, grant, &w);
	assert_false(tunnels_is_at(t, &key, alice, &here, 2, T0));
	tunnels_destroy(t);
}

/* ---- caps ---- */

struct meter {
	struct tunnels *tunnels;
	struct tunnel_key key;
};

static struct meter
meter_make(void)
{
	struct meter m = { make(16, 10), key_of(1, 2) };
	struct wish w = { .at = at(1, 1000), .rx_active = SPI };

	tunnels_change(m.tunnels, &m.key, alice, true, T0, grant, &w);
	return m;
}

static bool
passes(struct meter *m, uint32_t mbit, size_t bytes, uint64_t now_ns)
{
	struct tunnel_route route;

	return tunnels_route(m->tunnels, &m->key, alice, SPI, mbit, bytes, now_ns, &route) ==
	       ROUTE_OK;
}

/* At once: what a second brings, to the byte. */
static void
the_burst_is_one_second(void **state)
{
	static const uint32_t mbits[] = { 1, 2, 3, 7, 8, 13, 15, 25, 100, 1000, 99991, 10000000 };

	(void)state;
	for (size_t n = 0; n < sizeof(mbits) / sizeof(mbits[0]); n++) {
		struct meter m = meter_make();
		size_t second = (size_t)mbits[n] * 125000;

		assert_false(passes(&m, mbits[n], second + 1, T0));
		assert_true(passes(&m, mbits[n], second, T0));
		assert_false(passes(&m, mbits[n], 1, T0));
		/* A second later there is as much again, and after ten not more. */
		assert_true(passes(&m, mbits[n], second, T0 + NS_PER_S));
		assert_false(passes(&m, mbits[n], second + 1, T0 + 11 * NS_PER_S));
		assert_true(passes(&m, mbits[n], second, T0 + 11 * NS_PER_S));
		tunnels_destroy(m.tunnels);
	}
}

/* One byte comes after exactly 8000 / mbit ns, however often was asked before. */
static void
a_byte_comes_when_it_is_due(void **state)
{
	static const uint32_t mbits[] = { 1, 7, 8, 25, 1000 };

	(void)state;
	for (size_t n = 0; n < sizeof(mbits) / sizeof(mbits[0]); n++) {
		struct meter m = meter_make();
		uint64_t due = (8000 + mbits[n] - 1) / mbits[n];

		assert_true(passes(&m, mbits[n], (size_t)mbits[n] * 125000, T0));
		for (uint64_t ns = 0; ns < due; ns++)
			assert_false(passes(&m, mbits[n], 1, T0 + ns));
		assert_true(passes(&m, mbits[n], 1, T0 + due));
		tunnels_destroy(m.tunnels);
	}
}

/* A sender that never stops gets mbit * 125000 bytes a second: nothing is lost to rounding. */
static void
the_rate_is_exact(void **state)
{
	static const uint32_t mbits[] = { 1, 3, 7, 13, 25, 87 };
	(void)state;
	for (size_t n = 0; n < sizeof(mbits) / sizeof(mbits[0]); n++) {
		struct meter m = meter_make();
		uint64_t now = T0, bytes = 0, all, end = T0 + 20 * NS_PER_S;

		while (now < end) {
			size_t size = 50 + random_below(&randomness, 1423);

			if (passes(&m, mbits[n], size, now))
				bytes += size;
			/* Odd steps, 5 to 50 times as fast as the cap. */
			now += 1 + random_below(&randomness, (uint32_t)(8000 * 150 / mbits[n]));
		}
		/* The first second's burst, then twenty seconds; one packet may be left over. */
		all = (uint64_t)mbits[n] * 125000 * 21;
		assert_true(bytes <= all);
		assert_true(bytes + 1500 + mbits[n] * 20 >= all);
		tunnels_destroy(m.tunnels);
	}
}

static void
zero_is_no_cap(void **state)
{
	struct meter m = meter_make();

	(void)state;
	for (int n = 0; n < 1000; n++)
		assert_true(passes(&m, 0, 1 << 30, T0));
	/* A cap that comes later starts with its burst; one that goes down takes the rest away. */
	assert_true(passes(&m, 8, 500000, T0));
	assert_false(passes(&m, 1, 125001, T0));
	assert_true(passes(&m, 1, 125000, T0));
	assert_false(passes(&m, 8, 1, T0));
	tunnels_destroy(m.tunnels);
}

/* Another thread's clock was read a little earlier: no credit out of nothing, no trap. */
static void
time_may_seem_to_run_backwards(void **state)
{
	struct meter m = meter_make();

	(void)state;
	assert_true(passes(&m, 1, 125000, T0));
	assert_false(passes(&m, 1, 1, T0 - NS_PER_S));
	assert_false(passes(&m, 1, 1, T0));
	assert_true(passes(&m, 1, 1, T0 + 8000));
	assert_false(passes(&m, 1, 1, T0));
	assert_false(passes(&m, 1, 1, T0 + 8001));
	tunnels_destroy(m.tunnels);
}

/* A packet with a wrong SPI takes nothing from those with a right one. */
static void
only_what_passes_is_charged(void **state)
{
	struct meter m = meter_make();
	struct tunnel_route route;

	(void)state;
	for (int n = 0; n < 100; n++) {
		assert_int_equal(
		    tunnels_route(m.tunnels, &m.key, alice, SPI + 1, 1, 125000, T0, &route),
		    ROUTE_SPI);
		assert_int_equal(
		    tunnels_route(m.tunnels, &m.key, alice, SPI, 1, 125001, T0, &route), ROUTE_CAP);
	}
	assert_true(passes(&m, 1, 125000, T0));
	tunnels_destroy(m.tunnels);
}

/* ---- walks ---- */

struct visited {
	unsigned count;
	uint32_t keep; /* the device whose tunnels stay; 0: all do */
};

static bool
visit(const struct tunnel *t, void *arg)
{
	struct visited *v = arg;

	v->count++;
	return v->keep == 0 || t->device.value == v->keep;
}

static void
a_visit_may_remove(void **state)
{
	struct tunnels *t = make(1000, 100);
	struct visited v = { .keep = 0 };

	(void)state;
	for (uint8_t n = 1; n <= 100; n++) {
		seen(t, key_of(1, n), alice, T0);
		seen(t, key_of(2, n), bob, T0);
	}
	tunnels_each(t, visit, &v);
	assert_int_equal(v.count, 200);
	assert_int_equal(tunnels_count(t), 200);
	v.keep = alice.value;
	tunnels_each(t, visit, &v);
	assert_int_equal(tunnels_count(t), 100);
	assert_true(known(t, key_of(1, 50), T0));
	assert_false(known(t, key_of(2, 50), T0));
	/* Those removed left their quota. */
	for (uint8_t n = 101; n <= 200; n++)
		assert_int_equal(seen(t, key_of(2, n), bob, T0), TUNNELS_OK);
	assert_int_equal(seen(t, key_of(1, 101), alice, T0), TUNNELS_QUOTA);
	tunnels_destroy(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_two_ends),
		cmocka_unit_test(an_entry_is_made_found_and_changed),
		cmocka_unit_test(entries_do_not_mix),
		cmocka_unit_test(an_entry_lives_120_seconds),
		cmocka_unit_test(a_sweep_removes_what_expired),
		cmocka_unit_test(a_device_has_a_quota),
		cmocka_unit_test(another_device_begins_anew),
		cmocka_unit_test(a_full_table_refuses),
		cmocka_unit_test(a_full_table_is_no_quota),
		cmocka_unit_test(only_the_spis_of_the_receiver_pass),
		cmocka_unit_test(where_a_tunnel_is_must_match_exactly),
		cmocka_unit_test(the_burst_is_one_second),
		cmocka_unit_test(a_byte_comes_when_it_is_due),
		cmocka_unit_test(the_rate_is_exact),
		cmocka_unit_test(zero_is_no_cap),
		cmocka_unit_test(time_may_seem_to_run_backwards),
		cmocka_unit_test(only_what_passes_is_charged),
		cmocka_unit_test(a_visit_may_remove),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("tunnels", tests, NULL, NULL);
}
