/* SPDX-License-Identifier: ISC */
#include "cathedral/state/lookups.h"

#include "base/clock.h"
#include "tests/support/seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;

static struct lookups *
make(size_t slots)
{
	struct lookups *l = lookups_create(slots, &randomness);

	assert_non_null(l);
	return l;
}

static struct lookup
unknown(uint32_t host, uint16_t port, size_t len)
{
	struct lookup what = { .kind = LOOKUP_IDENTITY, .listener = 3, .nat_port = true };
	uint8_t ip[4] = { 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host };

	what.from = endpoint_from_ipv4(ip, port);
	what.len = len;
	memset(what.bytes, (int)(host & 0xff), len);
	return what;
}

static bool
offer(struct lookups *l, struct lookup what)
{
	return lookups_offer(l, &what);
}

static void
it_comes_out_as_it_went_in(void **state)
{
	struct lookups *l = make(64);
	struct lookup in = unknown(7, 1000, PACKET_MAX), out;

	(void)state;
	random_bytes(&randomness, in.bytes, sizeof(in.bytes));
	assert_false(lookups_next(l, &out, 1, 0));
	assert_true(lookups_offer(l, &in));
	assert_true(lookups_next(l, &out, 1, 0));
	assert_true(endpoint_equal(&out.from, &in.from));
	assert_int_equal(out.kind, LOOKUP_IDENTITY);
	assert_int_equal(out.listener, 3);
	assert_true(out.nat_port);
	assert_int_equal(out.len, PACKET_MAX);
	assert_memory_equal(out.bytes, in.bytes, PACKET_MAX);
	assert_false(lookups_next(l, &out, 1, 0));
	lookups_destroy(l);
	lookups_destroy(NULL);
}

/* A source has one at a time, whatever its port; of an IPv6 host all of its /64 is one source. */
static void
one_of_a_source_at_a_time(void **state)
{
	struct lookups *l = make(1024);
	struct lookup v6 = unknown(1, 1, 100), out;

	(void)state;
	assert_true(offer(l, unknown(1, 1000, 100)));
	assert_false(offer(l, unknown(1, 1000, 100)));
	assert_false(offer(l, unknown(1, 2000, 100)));
	assert_true(lookups_next(l, &out, 1, 0));
	assert_true(out.from.port == 1000 || out.from.port == 2000); /* chance decides */
	assert_true(offer(l, unknown(1, 3000, 100)));
	assert_true(lookups_next(l, &out, 1, 0));

	assert_true(endpoint_parse(&v6.from, "[2001:db8::1]:5"));
	assert_true(lookups_offer(l, &v6));
	assert_true(endpoint_parse(&v6.from, "[2001:db8::ffff:1]:6"));
	assert_false(lookups_offer(l, &v6));
	lookups_destroy(l);
}

static struct lookup
ambry(uint16_t tunnel, uint32_t device, uint16_t port)
{
	struct lookup what = unknown(1, port, 0);

	what.kind = LOOKUP_AMBRY;
	what.own.value = 0xcafeba00;
	what.other.value = 0xcafeba00;
	what.device.value = device;
	what.tunnel.value = tunnel;
	what.most = 1472;
	return what;
}

/* A host has many devices and tunnels: each of its ambries has a place of its own. */
static void
ambries_have_places_of_their_own(void **state)
{
	struct lookups *l = make(1 << 16);
	struct lookup out;

	(void)state;
	assert_true(offer(l, unknown(1, 1000, 100)));
	assert_true(offer(l, ambry(0x0102, 5, 1000)));
	assert_true(offer(l, ambry(0x0103, 5, 1000)));
	assert_true(offer(l, ambry(0x0102, 6, 1000)));
	assert_false(offer(l, ambry(0x0102, 5, 1001)));
	for (int n = 0; n < 4; n++) {
		assert_true(lookups_next(l, &out, 1, 0));
		if (out.kind == LOOKUP_AMBRY) {
			assert_int_equal(out.most, 1472);
			assert_true(out.own.value == 0xcafeba00);
		}
	}
	assert_false(lookups_next(l, &out, 1, 0));
	lookups_destroy(l);
}

/* However many there are, so many wait and no more. */
static void
it_holds_a_fixed_number(void **state)
{
	struct lookups *l = make(16);
	struct lookup out;
	unsigned taken = 0;

	(void)state;
	for (uint32_t host = 0; host < 10000; host++)
		taken += offer(l, unknown(host, 1, 100));
	assert_int_equal(taken, 16);
	for (int n = 0; n < 16; n++)
		assert_true(lookups_next(l, &out, 1, 0));
	assert_false(lookups_next(l, &out, 1, 0));
	lookups_destroy(l);
}

/* One that offers again the moment it was served does not keep the others waiting. */
static void
sources_take_turns(void **state)
{
	struct lookups *l = make(4096);
	struct lookup out;
	unsigned taken = 0, greedy = 0;

	(void)state;
	assert_true(offer(l, unknown(0, 1, 100)));
	for (uint32_t host = 1; host <= 100; host++)
		taken += offer(l, unknown(host, 1, 100));
	for (unsigned served = 0; served < taken + 1; served++) {
		assert_true(lookups_next(l, &out, 1, 0));
		if (out.from.ip[15] == 0) {
			greedy++;
			assert_true(offer(l, unknown(0, 1, 100)));
		}
	}
	/* All others were served meanwhile; it came up once, or twice where the round began. */
	assert_true(greedy <= 2);
	lookups_destroy(l);
}

/* As many at once as are wanted, in the same order as one by one. */
static void
several_come_at_once(void **state)
{
	struct lookups *l = make(4096);
	struct lookup out[LOOKUPS_TOGETHER];
	bool seen[100] = { false };
	unsigned taken = 0;
	size_t count;

	(void)state;
	for (uint32_t host = 0; host < 100; host++)
		taken += offer(l, unknown(host, 1, 100));
	while ((count = lookups_next(l, out, LOOKUPS_TOGETHER, 0)) > 0) {
		assert_int_equal(
		    count, taken < LOOKUPS_TOGETHER ? taken : (unsigned)LOOKUPS_TOGETHER);
		for (size_t n = 0; n < count; n++) {
			assert_int_equal(out[n].bytes[99], out[n].from.ip[15]);
			assert_false(seen[out[n].from.ip[15]]);
			seen[out[n].from.ip[15]] = true;
		}
		taken -= (unsigned)count;
	}
	assert_int_equal(taken, 0);
	lookups_destroy(l);
}

/* A device's packet, told from the strangers' by its length. */
#define DEVICE_LEN 101

/*
 * Somebody who has a whole /64 (or one address and all its ports) sends a thousand a time; a device
 * comes back and sends one.  It is served in the round that it comes in, whatever the others do.
 */
static void
a_net_does_not_starve_a_device(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct lookups *l = make(1 << 16);
		struct lookup device = unknown(1, 4500, DEVICE_LEN), evil, out;
		unsigned served = 0;

		evil = unknown(2, 1, 100);
		if (round % 2 == 0)
			assert_true(endpoint_parse(&evil.from, "[2001:db8::1]:1"));
		for (unsigned n = 0; n < 1000; n++) {
			random_bytes(&randomness, evil.bytes, 100);
			evil.from.port++;
			if (round % 2 == 0)
				random_bytes(&randomness, evil.from.ip + 8, 8);
			lookups_offer(l, &evil);
			if (n == 500)
				assert_true(lookups_offer(l, &device));
		}
		do {
			assert_int_equal(lookups_next(l, &out, 1, 0), 1);
			for (unsigned n = 0; n < 10; n++) {
				random_bytes(&randomness, evil.bytes, 100);
				lookups_offer(l, &evil);
			}
		} while (++served <= LOOKUPS_PER_SOURCE && out.len != DEVICE_LEN);
		assert_int_equal(out.len, DEVICE_LEN);
		lookups_destroy(l);
	}
}

static void
waiting_ends_in_time(void **state)
{
	struct lookups *l = make(16);
	struct lookup out;
	uint64_t start = clock_now().mono_ns, waited;

	(void)state;
	assert_false(lookups_next(l, &out, 1, 30));
	waited = clock_now().mono_ns - start;
	assert_true(waited >= 30 * NS_PER_MS);
	assert_true(waited < 10 * NS_PER_S);
	lookups_destroy(l);
}

static void
after_the_stop_nothing_comes(void **state)
{
	struct lookups *l = make(16);
	struct lookup out;
	uint64_t start;

	(void)state;
	assert_true(offer(l, unknown(1, 1, 100)));
	assert_false(lookups_stopped(l));
	lookups_stop(l);
	assert_true(lookups_stopped(l));
	start = clock_now().mono_ns;
	assert_false(lookups_next(l, &out, 1, 60000));
	assert_true(clock_now().mono_ns - start < 30 * NS_PER_S);
	lookups_destroy(l);
}

/* ---- with threads: results are collected, joined, then judged ---- */

struct shared {
	struct lookups *lookups;
	uint32_t first; /* hosts of this thread */
	unsigned taken, served, damaged;
};

#define HOSTS 2000

static void *
offer_all(void *arg)
{
	struct shared *s = arg;

	for (uint32_t n = 0; n < HOSTS; n++)
		s->taken += offer(s->lookups, unknown(s->first + n, 1, 64 + n % 64));
	return NULL;
}

static void *
serve_until_stop(void *arg)
{
	struct shared *s = arg;
	struct lookup out;

	while (!lookups_stopped(s->lookups)) {
		if (!lookups_next(s->lookups, &out, 1, 10))
			continue;
		for (size_t n = 0; n < out.len; n++)
			s->damaged += out.bytes[n] != out.from.ip[15];
		s->served++;
	}
	return NULL;
}

static void
workers_and_scanner_go_on_at_once(void **state)
{
	struct lookups *l = make(64);
	struct shared scanner = { .lookups = l };
	struct shared workers[3] = { { .lookups = l }, { .lookups = l, .first = HOSTS },
		{ .lookups = l, .first = 2 * HOSTS } };
	pthread_t threads[3], last;
	struct lookup out;
	unsigned taken = 0;

	(void)state;
	assert_int_equal(pthread_create(&last, NULL, serve_until_stop, &scanner), 0);
	for (int n = 0; n < 3; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, offer_all, &workers[n]), 0);
	for (int n = 0; n < 3; n++) {
		pthread_join(threads[n], NULL);
		taken += workers[n].taken;
	}
	while (lookups_next(l, &out, 1, 0)) /* two may take, too */
		taken--;
	lookups_stop(l);
	pthread_join(last, NULL);
	assert_int_equal(scanner.damaged, 0);
	assert_int_equal(scanner.served, taken);
	lookups_destroy(l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_out_as_it_went_in),
		cmocka_unit_test(one_of_a_source_at_a_time),
		cmocka_unit_test(ambries_have_places_of_their_own),
		cmocka_unit_test(it_holds_a_fixed_number),
		cmocka_unit_test(sources_take_turns),
		cmocka_unit_test(several_come_at_once),
		cmocka_unit_test(a_net_does_not_starve_a_device),
		cmocka_unit_test(waiting_ends_in_time),
		cmocka_unit_test(after_the_stop_nothing_comes),
		cmocka_unit_test(workers_and_scanner_go_on_at_once),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("lookups", tests, NULL, NULL);
}
