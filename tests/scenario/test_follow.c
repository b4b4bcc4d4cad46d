/* SPDX-License-Identifier: ISC */
/* Cathedrals that follow registry.db, while tunnels run: what changes, and what must not notice. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define EVERY_NS (20 * NS_PER_MS)

/* A tunnel that must never lose anything: a packet each way every 20 ms. */
struct stream {
	unsigned device;
	size_t first, count; /* serials, each with its answer behind it */
};

/* Two cathedrals; members 0 and 1 hold a tunnel from one to the other, which is the stream. */
static struct world *
follow_begin(struct stream *s, unsigned members)
{
	struct world *w = scene_begin(2, false, members);

	s->device = scene_tunnel(w, 0, 1, 0, 1);
	world_follow(w);
	return w;
}

static void
stream_run(struct world *w, struct stream *s, double seconds)
{
	uint64_t until_ns = w->now_ns + (uint64_t)(seconds * (double)NS_PER_S);

	while (w->now_ns < until_ns) {
		size_t serial = world_send_data(w, s->device, 200);

		if (s->count == 0)
			s->first = serial;
		world_send_data(w, s->device + 1, 300);
		s->count = w->data_count - s->first;
		world_run(w, EVERY_NS);
	}
}

/* All of it came, once; what others sent in between is none of its. */
static void
stream_expect_whole(struct world *w, const struct stream *s)
{
	size_t own = 0;

	world_run(w, 100 * NS_PER_MS);
	for (size_t n = s->first; n < s->first + s->count; n++) {
		unsigned sender = w->data[n].sender;

		if (sender != s->device && sender != s->device + 1)
			continue;
		own++;
		assert_int_equal(w->data[n].arrived, 1);
	}
	assert_true(own > 50);
}

static void
publish(struct world *w, struct stream *s)
{
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		world_publish(w, n);
		stream_run(w, s, 0.1);
	}
}

static void
devices_come_and_go(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 4);
	unsigned other = scene_tunnel(w, 2, 3, 0, 1);
	struct registry_flock *before;

	(void)state;
	w->flocks[0].members[3].gone = true;
	world_open(w);
	scene_run_s(w, 12);
	stream_run(w, &s, 1);
	scene_expect_silence(w, other);

	w->flocks[0].members[3].gone = false;
	world_touch(w, 0);
	publish(w, &s);
	before =
	    registry_flock_find(publish_current(w->cathedrals[0].site->publish), w->flocks[0].id);
	stream_run(w, &s, 11);
	scene_expect_talk(w, other);

	/* Publishing what did not change makes nothing anew. */
	publish(w, &s);
	assert_ptr_equal(before,
	    registry_flock_find(publish_current(w->cathedrals[0].site->publish), w->flocks[0].id));

	/* From the very moment on nothing reaches it, and nothing of it is relayed. */
	w->flocks[0].members[3].gone = true;
	world_touch(w, 0);
	world_publish_all(w);
	scene_expect_silence(w, other);
	scene_expect_silence(w, other + 1);
	stream_run(w, &s, 1);
	stream_expect_whole(w, &s);
	scene_end(w);
}

static void
another_secret_is_another_device(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 4);
	unsigned other = scene_tunnel(w, 2, 3, 0, 1);
	struct world_member *m = &w->flocks[0].members[2];

	(void)state;
	world_open(w);
	scene_run_s(w, 12);
	scene_expect_talk(w, other);
	random_bytes(&w->random, &m->keys.cs, sizeof(m->keys.cs));
	world_touch(w, 0);
	publish(w, &s);
	/* Who does not know it is not heard; its tunnel lives no longer than after its last info.
	 */
	stream_run(w, &s, 121);
	scene_expect_silence(w, other + 1);
	w->devices[other].d.keys.cs = m->keys.cs;
	stream_run(w, &s, 11);
	scene_expect_talk(w, other);
	stream_expect_whole(w, &s);
	scene_end(w);
}

/* So much arrives of what is sent within a second at 8 Mbit/s. */
static unsigned
arrives(struct world *w, unsigned device)
{
	size_t first = w->data_count;
	unsigned count = 0;

	for (unsigned n = 0; n < 1000; n++) {
		world_send_data(w, device, 1000);
		world_run(w, NS_PER_MS);
	}
	scene_run_s(w, 0.1);
	for (size_t n = first; n < w->data_count; n++)
		count += w->data[n].arrived;
	return count;
}

static void
caps_change(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 4);
	unsigned other = scene_tunnel(w, 2, 3, 0, 1);

	(void)state;
	world_open(w);
	scene_run_s(w, 12);
	assert_int_equal(arrives(w, other), 1000);
	for (unsigned n = 2; n < 4; n++)
		w->flocks[0].members[n].mbit = 1;
	world_touch(w, 0);
	publish(w, &s);
	assert_in_range(arrives(w, other), 100, 400);
	for (unsigned n = 2; n < 4; n++)
		w->flocks[0].members[n].mbit = 0;
	world_touch(w, 0);
	publish(w, &s);
	assert_int_equal(arrives(w, other), 1000);
	stream_run(w, &s, 1);
	stream_expect_whole(w, &s);
	scene_end(w);
}

static void
new_bundles_are_sent(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 2);
	unsigned flock = world_add_flock(w), pair, far;
	struct world_end end = { .flock = 0, .peer_flock = flock, .cathedral = 0 };
	uint64_t ambries;

	(void)state;
	world_add_member(w, flock, 0xb0, 0);
	pair = world_add_pair(w, flock, 0);
	far = world_add_tunnel(w, &end, 1, 0);
	world_open(w);
	scene_run_s(w, 12);
	stream_run(w, &s, 1);
	scene_expect_secret(w, s.device);
	scene_expect_secret(w, far);

	/* Nobody waits for the next info: it is there a line's delay later. */
	world_renew(w, 0, 30);
	publish(w, &s);
	scene_expect_secret(w, s.device);
	ambries = w->devices[far].events[DEVICE_AMBRY];
	world_renew_pair(w, pair, 30);
	publish(w, &s);
	scene_expect_secret(w, far);
	scene_expect_secret(w, s.device);
	assert_int_equal(w->devices[far].events[DEVICE_AMBRY], ambries + 1);
	stream_run(w, &s, 1);
	stream_expect_whole(w, &s);
	scene_end(w);
}

static void
flocks_may_talk_or_may_not(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 2);
	unsigned flock = world_add_flock(w), pair, far;
	struct world_end end = { .flock = 0, .peer_flock = flock, .cathedral = 0 };

	(void)state;
	world_add_member(w, flock, 0xb0, 0);
	pair = world_add_pair(w, 0, flock);
	w->pairs[pair].cut = true;
	far = world_add_tunnel(w, &end, 1, 0);
	world_open(w);
	scene_run_s(w, 12);
	scene_expect_silence(w, far);
	w->pairs[pair].cut = false;
	publish(w, &s);
	stream_run(w, &s, 11);
	scene_expect_talk(w, far);
	w->pairs[pair].cut = true;
	world_publish_all(w);
	scene_expect_silence(w, far);
	scene_expect_silence(w, far + 1);
	stream_run(w, &s, 1);
	stream_expect_whole(w, &s);
	scene_end(w);
}

/* Whether the last remembrance of the device names this cathedral. */
static bool
remembers(const struct world *w, unsigned device, unsigned cathedral)
{
	const struct remembrance *r = &w->devices[device].remembrance.remembrance;
	uint8_t ip[4];

	endpoint_ipv4(&world_listener(w, cathedral, 0)->main, ip);
	for (size_t n = 0; n < r->count; n++) {
		if (memcmp(r->cathedrals[n].ip, ip, sizeof(ip)) == 0)
			return true;
	}
	return false;
}

static void
cathedrals_join_drain_and_leave(void **state)
{
	struct stream s = { 0 };
	const struct world_listener listeners[] = { { .shrouded = false }, { .shrouded = true } };
	struct world *w = follow_begin(&s, 4);
	unsigned third = world_add_cathedral(w, listeners, 2);
	unsigned far = scene_tunnel(w, 2, 3, 0, third);

	(void)state;
	w->devices[s.device].d.config.remembrance = true;
	w->cathedrals[third].gone = true;
	world_open(w);
	scene_run_s(w, 16);
	stream_run(w, &s, 1);
	scene_expect_silence(w, far);
	assert_true(remembers(w, s.device, 1));
	assert_false(remembers(w, s.device, third));

	w->cathedrals[third].gone = false;
	publish(w, &s);
	stream_run(w, &s, 20);
	scene_expect_talk(w, far);
	assert_true(remembers(w, s.device, third));

	/* Whoever is with it stays with it, but nobody else hears of it. */
	w->cathedrals[third].draining = true;
	publish(w, &s);
	stream_run(w, &s, 20);
	scene_expect_talk(w, far);
	assert_false(remembers(w, s.device, third));
	assert_true(remembers(w, s.device, 1));

	w->cathedrals[third].gone = true;
	publish(w, &s);
	stream_run(w, &s, 121);
	scene_expect_silence(w, far);
	stream_expect_whole(w, &s);
	scene_end(w);
}

/* A cathedral that comes up again needs nobody but the file. */
static void
a_restart_knows_all(void **state)
{
	struct stream s = { 0 };
	struct world *w = follow_begin(&s, 2);

	(void)state;
	world_open(w);
	scene_run_s(w, 12);
	scene_expect_talk(w, s.device);
	world_crash(w, 0);
	scene_run_s(w, 1);
	world_start(w, 0);
	scene_run_s(w, 11);
	scene_expect_talk(w, s.device);
	scene_end(w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_come_and_go),
		cmocka_unit_test(another_secret_is_another_device),
		cmocka_unit_test(caps_change),
		cmocka_unit_test(new_bundles_are_sent),
		cmocka_unit_test(flocks_may_talk_or_may_not),
		cmocka_unit_test(cathedrals_join_drain_and_leave),
		cmocka_unit_test(a_restart_knows_all),
	};

	return cmocka_run_group_tests_name("a registry followed", tests, NULL, NULL);
}
