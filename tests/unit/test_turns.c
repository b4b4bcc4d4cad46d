/* SPDX-License-Identifier: ISC */
/* What waits when the host's rate is used up, and what becomes of it. */
#include "cathedral/relay/turns.h"

#include "cathedral/relay/share.h"
#include "protocol/crypto/aead.h"
#include "tests/support/seed.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct random randomness;
static struct stage s;
static const struct flock_id a = { STAGE_A };
static struct actor one, two;

/* A cathedral at the end of 1 Mbit/s: a packet of 1,000 bytes takes 8 ms. */
static void
open_narrow(uint8_t listener_one, uint8_t listener_two)
{
	stage_plan(&s, &randomness);
	s.options.egress_mbit = 1;
	stage_open(&s);
	assert_true(pipeline_take_turns(s.pipeline, &randomness));
	one = stage_actor(&s, &s.a[0], a, a, 2, listener_one);
	two = stage_actor(&s, &s.a[1], a, a, 1, listener_two);
	stage_info(&s, &one);
	stage_look_up(&s);
	stage_info(&s, &two);
	stage_look_up(&s);
	stage_pass(&s, NS_PER_S);
	tray_empty(&s.tray);
}

/* Nothing is left of what the line had saved up. */
static void
use_up(void)
{
	unsigned n = 0;

	while (stage_data(&s, &one, 900) == VERDICT_RELAYED)
		assert_true(n++ < 10);
	assert_true(n > 0);
}

static void
tick(uint64_t ns)
{
	tray_empty(&s.tray);
	stage_pass(&s, ns);
	pipeline_tick(s.pipeline, s.now);
}

/* Everything that waits, one after the other; how many the device takes for this. */
static unsigned
tick_until_empty(enum device_event_kind kind)
{
	unsigned came = 0;

	for (unsigned n = 0; pipeline_due_ns(s.pipeline) != UINT64_MAX; n++) {
		assert_true(n < 10000);
		tick(NS_PER_MS);
		for (size_t i = 0; i < s.tray.count; i++)
			came += stage_receive(&s, &two, i).kind == kind;
	}
	return came;
}

static void
what_waits_arrives_as_it_was_sent(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		open_narrow(way & 1, way >> 1);
		use_up();
		tray_empty(&s.tray);
		for (unsigned n = 0; n < 20; n++)
			assert_int_equal(stage_data(&s, &one, 100 + 40 * n), VERDICT_QUEUED);
		assert_int_equal(s.tray.count, 0);
		assert_true(pipeline_due_ns(s.pipeline) <= s.now.mono_ns + 2 * NS_PER_MS);
		assert_int_equal(tick_until_empty(DEVICE_DATA), 21);
		assert_int_equal(stats_get(&s.stats.waited_sent), 21);
		assert_int_equal(stats_get(&s.stats.waited_dropped), 0);
		/* As if nothing had ever waited. */
		stage_pass(&s, NS_PER_S);
		assert_int_equal(stage_data(&s, &one, 100), VERDICT_RELAYED);
		stage_close(&s);
	}
}

/* The rate holds to the byte, whatever the steps in which time passes. */
static void
the_rate_is_exact(void **state)
{
	uint64_t begin_ns, bytes = 0;

	(void)state;
	open_narrow(0, 0);
	use_up();
	begin_ns = s.now.mono_ns;
	for (unsigned n = 0; n < 2000; n++) {
		while (stats_get(&s.stats.verdicts[VERDICT_QUEUED]) < 200 + n / 4)
			stage_data(&s, &one, random_below(&randomness, 1200) + 40);
		tick(random_below(&randomness, 3 * NS_PER_MS));
		for (size_t i = 0; i < s.tray.count; i++)
			bytes += s.tray.sent[i].len + EGRESS_HEADERS;
	}
	begin_ns = (s.now.mono_ns - begin_ns) / 8000;
	assert_true(bytes <= begin_ns + 2000);
	assert_true(bytes + 4000 >= begin_ns);
	stage_close(&s);
}

static void
answers_do_not_wait_but_count(void **state)
{
	size_t before, after;

	(void)state;
	open_narrow(0, 0);
	use_up();
	assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
	assert_true(s.replies > 0);
	tick_until_empty(DEVICE_DATA);

	/* After fifty of them the next packet has longer to wait. */
	for (unsigned n = 0; n < 2; n++) {
		stage_pass(&s, NS_PER_S);
		use_up();
		for (unsigned i = 0; n == 1 && i < 50; i++)
			assert_int_equal(stage_info(&s, &two), VERDICT_CONSUMED);
		before = s.now.mono_ns / NS_PER_MS;
		tick_until_empty(DEVICE_DATA);
		after = s.now.mono_ns / NS_PER_MS;
		if (n == 0)
			assert_true(after - before < 20);
		else
			assert_true(after - before > 50);
	}
	stage_close(&s);
}

/* A key exchange is a packet like others: nobody makes room for himself with them. */
static void
exchanges_wait_too(void **state)
{
	(void)state;
	open_narrow(0, 0);
	use_up();
	assert_int_equal(stage_sacrament(&s, &one, one.d.rx_active), VERDICT_QUEUED);
	assert_int_equal(tick_until_empty(DEVICE_SACRAMENT), 1);
	stage_close(&s);
}

/* Who may not be sent to any more is not. */
static void
what_was_allowed_once_is_looked_at_again(void **state)
{
	(void)state;
	for (uint8_t listener = 0; listener < 2; listener++) {
		open_narrow(0, listener);
		use_up();
		stage_data(&s, &one, 100);
		stage_data(&s, &one, 100);
		s.a_count = 1;
		stage_publish(&s);
		for (unsigned n = 0; n < 100; n++) {
			tick(NS_PER_MS);
			assert_int_equal(s.tray.count, 0);
		}
		assert_int_equal(stats_get(&s.stats.waited_dropped), 3);
		assert_true(pipeline_due_ns(s.pipeline) == UINT64_MAX);
		stage_close(&s);
	}
}

/* Before somebody else serves, and after: nothing stays behind, nothing is forgotten. */
static void
all_of_it_can_go_at_once(void **state)
{
	(void)state;
	open_narrow(0, 1);
	use_up();
	for (unsigned n = 0; n < 50; n++)
		assert_int_equal(stage_data(&s, &one, 900), VERDICT_QUEUED);
	tray_empty(&s.tray);
	pipeline_settle(s.pipeline, s.now);
	assert_int_equal(s.tray.count, 51);
	for (size_t i = 0; i < s.tray.count; i++)
		assert_int_equal(stage_receive(&s, &two, i).kind, DEVICE_DATA);
	assert_true(pipeline_due_ns(s.pipeline) == UINT64_MAX);
	assert_int_equal(waiters_flocks(s.site->waiters), 0);
	stage_close(&s);
}

/* The kernel had no room for something: the next packets wait a little. */
static void (*real_send)(struct sender *, struct packet *const *, size_t);

static void
send_nothing(struct sender *sender, struct packet *const *packets, size_t count)
{
	(void)sender;
	(void)packets;
	stats_add(&s.stats.tx_full, count > 0);
}

static void
a_full_socket_is_a_used_up_rate(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
	s.options.egress_mbit = 1000;
	stage_open(&s);
	assert_true(pipeline_take_turns(s.pipeline, &randomness));
	one = stage_actor(&s, &s.a[0], a, a, 2, 0);
	two = stage_actor(&s, &s.a[1], a, a, 1, 0);
	stage_info(&s, &one);
	stage_info(&s, &two);
	stage_pass(&s, NS_PER_S);
	real_send = s.tray.sender.send;
	s.tray.sender.send = send_nothing;
	for (unsigned n = 0; n < 3; n++)
		stage_data(&s, &one, 100);
	s.tray.sender.send = real_send;
	assert_int_equal(stats_get(&s.stats.verdicts[VERDICT_QUEUED]), 1);
	assert_int_equal(tick_until_empty(DEVICE_DATA), 1);
	stage_close(&s);
}

static void
without_a_rate_there_are_no_turns(void **state)
{
	(void)state;
	stage_plan(&s, &randomness);
	stage_open(&s);
	assert_true(pipeline_take_turns(s.pipeline, &randomness));
	assert_null(s.pipeline->turns);
	assert_true(pipeline_due_ns(s.pipeline) == UINT64_MAX);
	stage_close(&s);
	turns_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_arrives_as_it_was_sent),
		cmocka_unit_test(the_rate_is_exact),
		cmocka_unit_test(answers_do_not_wait_but_count),
		cmocka_unit_test(exchanges_wait_too),
		cmocka_unit_test(what_was_allowed_once_is_looked_at_again),
		cmocka_unit_test(all_of_it_can_go_at_once),
		cmocka_unit_test(a_full_socket_is_a_used_up_rate),
		cmocka_unit_test(without_a_rate_there_are_no_turns),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
