/* SPDX-License-Identifier: ISC */
#include "cathedral/io/runs.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct runs runs;
static struct refusals refusals;
static struct packet pool[OUTBOX_MAX];
static struct packet *packets[OUTBOX_MAX];
static size_t count;

static int
setup(void **state)
{
	(void)state;
	memset(&refusals, 0, sizeof(refusals));
	memset(pool, 0, sizeof(pool));
	for (size_t n = 0; n < OUTBOX_MAX; n++) {
		packets[n] = &pool[n];
		packet_reset(packets[n], 0);
	}
	count = 0;
	return 0;
}

static struct endpoint
device(uint8_t n)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, n }, 5000);
}

static void
add(uint8_t to, size_t len)
{
	packets[count]->to = device(to);
	packets[count++]->len = len;
}

static void
make(size_t most)
{
	runs_make(&runs, packets, count, &(struct runs_rules){ 0, most, &refusals });
}

static void
assert_run(size_t n, uint8_t to, size_t packets_in, size_t bytes)
{
	assert_true(n < runs.count);
	assert_int_equal(runs.runs[n].count, packets_in);
	assert_int_equal(runs.runs[n].bytes, bytes);
	assert_int_equal(runs.order[runs.runs[n].first]->to.ip[15], to);
}

static void
test_no_packets_are_no_runs(void **state)
{
	(void)state;
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 0);
	assert_int_equal(runs.packets, 0);
}

static void
test_one_size_is_one_run(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		add(1, 100);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 1);
	assert_run(0, 1, 5, 500);
}

static void
test_a_shorter_one_ends_a_run_and_a_longer_one_begins_one(void **state)
{
	(void)state;
	add(1, 100);
	add(1, 100);
	add(1, 40);
	add(1, 40);
	add(1, 100);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 3);
	assert_run(0, 1, 3, 240);
	assert_run(1, 1, 1, 40);
	assert_run(2, 1, 1, 100);
}

static void
test_destinations_are_brought_together(void **state)
{
	struct endpoint port = device(1);

	(void)state;
	for (int i = 0; i < 3; i++) {
		add(1, 100);
		add(2, 100);
	}
	add(1, 60);
	add(1, 60); /* another port is another destination */
	port.port = 5001;
	packets[count - 1]->to = port;
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 3);
	assert_run(0, 1, 4, 360);
	assert_run(1, 2, 3, 300);
	assert_run(2, 1, 1, 60);
}

static void
test_a_listener_takes_only_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		add(1, 100);
		packets[i]->to_listener = i % 3 == 0;
	}
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 1);
	assert_run(0, 1, 4, 400);
	assert_int_equal(runs.packets, 4);
}

static void
test_empty_packets_are_alone(void **state)
{
	(void)state;
	add(1, 0);
	add(1, 0);
	add(1, 10);
	add(1, 0);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 4);
}

static void
test_limits_are_kept(void **state)
{
	(void)state;
	for (int i = 0; i < RUN_PACKETS_MAX + 1; i++)
		add(1, 100);
	for (int i = 0; i < 50; i++)
		add(2, 1320);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 4);
	assert_run(0, 1, RUN_PACKETS_MAX, 6400);
	assert_run(1, 1, 1, 100);
	assert_run(2, 2, 49, 64680);
	assert_run(3, 2, 1, 1320);
	make(1);
	assert_int_equal(runs.count, count);
}

static void
test_refused_destinations_get_single_packets(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		add(1, 1300);
		add(2, 1300);
	}
	add(1, 1200);
	add(1, 1200);
	refusals_add(&refusals, &packets[0]->to, 1250);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 5);
	for (size_t n = 0; n < 3; n++)
		assert_run(n, 1, 1, 1300);
	assert_run(3, 1, 2, 2400); /* shorter ones do fit */
	assert_run(4, 2, 3, 3900);
}

/* A way that was narrow once is not narrow for ever. */
static void
test_a_refusal_is_forgotten(void **state)
{
	uint64_t single = 0;

	(void)state;
	for (int i = 0; i < 64; i++)
		add(1, 1300);
	refusals_add(&refusals, &packets[0]->to, 1300);
	while (make(RUN_PACKETS_MAX), runs.count > 40) {
		single += runs.count;
		assert_true(single < 1000000);
	}
	assert_true(single >= 60000);
	make(RUN_PACKETS_MAX);
	assert_int_equal(runs.count, 2); /* of 50 and 14 */
}

/* ---- any packets ---- */

/* How many destinations there are, and how many sizes, decides what comes together. */
static void
draw(struct random *r)
{
	uint32_t devices = 1 + random_below(r, 300), kinds = 1 + random_below(r, 4);
	size_t sizes[4];

	for (int k = 0; k < 4; k++)
		sizes[k] = random_below(r, PACKET_MAX + 1);
	count = random_below(r, OUTBOX_MAX + 1);
	for (size_t n = 0; n < count; n++) {
		uint32_t to = random_below(r, devices);

		packets[n]->to = endpoint_from_ipv4(
		    (uint8_t[]){ 10, 0, (uint8_t)(to >> 8), (uint8_t)to }, (uint16_t)(1 + to % 3));
		packets[n]->to_listener = random_below(r, 8) == 0;
		packets[n]->len = sizes[random_below(r, kinds)];
	}
	if (random_below(r, 3) == 0 && count > 0)
		refusals_add(&refusals, &packets[0]->to, packets[0]->len);
}

static void
check_run(const struct run *run, size_t first, const struct runs_rules *rules)
{
	const struct packet *begin = runs.order[first];
	size_t bytes = 0;

	assert_int_equal(run->first, first);
	assert_in_range(run->count, 1, rules->most);
	assert_int_equal(run->segment, begin->len);
	for (size_t k = 0; k < run->count; k++) {
		const struct packet *pkt = runs.order[first + k];

		assert_true(endpoint_equal(&pkt->to, &begin->to));
		assert_true(k + 1 == run->count || pkt->len == run->segment);
		assert_true(pkt->len <= run->segment);
		assert_true(run->count == 1 || pkt->len > 0);
		bytes += pkt->len;
	}
	assert_int_equal(run->bytes, bytes);
	assert_true(bytes <= RUN_BYTES_MAX);
}

/* Each packet of the listener once, and those of a destination in their order. */
static void
check_order(const struct runs_rules *rules)
{
	static size_t place[OUTBOX_MAX];
	size_t mine = 0;

	for (size_t n = 0; n < count; n++)
		place[n] = SIZE_MAX;
	for (size_t n = 0; n < runs.packets; n++) {
		size_t number = (size_t)(runs.order[n] - pool);

		assert_true(number < count);
		assert_true(place[number] == SIZE_MAX);
		place[number] = n;
	}
	for (size_t n = 0; n < count; n++) {
		if (packets[n]->to_listener != rules->listener)
			continue;
		mine++;
		assert_true(place[n] != SIZE_MAX);
		for (size_t later = n + 1; later < count; later++) {
			if (packets[later]->to_listener == rules->listener &&
			    endpoint_equal(&packets[later]->to, &packets[n]->to))
				assert_true(place[n] < place[later]);
		}
	}
	assert_int_equal(mine, runs.packets);
}

static void
test_any_packets_stay_whole_and_in_order(void **state)
{
	struct random r;

	(void)state;
	random_for_test(&r);
	for (int round = 0; round < 3000; round++) {
		struct runs_rules rules = { (uint8_t)random_below(&r, 2), RUN_PACKETS_MAX,
			&refusals };
		size_t first = 0;

		if (random_below(&r, 10) == 0)
			rules.most = 1 + random_below(&r, RUN_PACKETS_MAX);
		draw(&r);
		runs_make(&runs, packets, count, &rules);
		for (size_t n = 0; n < runs.count; n++) {
			check_run(&runs.runs[n], first, &rules);
			first += runs.runs[n].count;
		}
		assert_int_equal(first, runs.packets);
		check_order(&rules);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_packets_are_no_runs, setup),
		cmocka_unit_test_setup(test_one_size_is_one_run, setup),
		cmocka_unit_test_setup(
		    test_a_shorter_one_ends_a_run_and_a_longer_one_begins_one, setup),
		cmocka_unit_test_setup(test_destinations_are_brought_together, setup),
		cmocka_unit_test_setup(test_a_listener_takes_only_its_own, setup),
		cmocka_unit_test_setup(test_empty_packets_are_alone, setup),
		cmocka_unit_test_setup(test_limits_are_kept, setup),
		cmocka_unit_test_setup(test_refused_destinations_get_single_packets, setup),
		cmocka_unit_test_setup(test_a_refusal_is_forgotten, setup),
		cmocka_unit_test_setup(test_any_packets_stay_whole_and_in_order, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
