/* SPDX-License-Identifier: ISC */
#include "tests/support/scene.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

uint64_t
scene_seed(void)
{
	static bool drawn;
	static uint64_t seed;

	if (!drawn)
		seed = seed_for_test();
	drawn = true;
	return seed;
}

struct world *
scene_begin(unsigned cathedrals, bool shrouded, unsigned members)
{
	const struct world_listener listeners[] = { { .shrouded = shrouded },
		{ .shrouded = !shrouded } };
	struct world *w = world_create(scene_seed());

	for (unsigned n = 0; n < cathedrals; n++)
		world_add_cathedral(w, listeners, 2);
	world_add_flock(w);
	for (unsigned n = 0; n < members; n++)
		world_add_member(w, 0, (uint8_t)(0xa0 + n), 0);
	return w;
}

unsigned
scene_tunnel(
    struct world *w, unsigned member, unsigned peer, unsigned cathedral, unsigned peer_cathedral)
{
	struct world_end end = { .member = member, .peer_member = peer, .cathedral = cathedral };

	return world_add_tunnel(w, &end, peer_cathedral, 0);
}

void
scene_end(struct world *w)
{
	char violation[sizeof(w->violation)];

	memcpy(violation, w->violation, sizeof(violation));
	world_destroy(w);
	assert_string_equal(violation, "");
}

void
scene_run_s(struct world *w, double seconds)
{
	world_run(w, (uint64_t)(seconds * (double)NS_PER_S));
}

/* Longer than any way that a test's line takes. */
#define PATIENCE_NS (200 * NS_PER_MS)

void
scene_expect_talk(struct world *w, unsigned device)
{
	size_t there = world_send_data(w, device, 600);
	size_t back = world_send_data(w, world_peer(w, device), 700);

	world_run(w, PATIENCE_NS);
	assert_int_equal(world_arrived(w, there), 1);
	assert_int_equal(world_arrived(w, back), 1);
}

void
scene_expect_silence(struct world *w, unsigned from)
{
	size_t serial = world_send_data(w, from, 100);

	world_run(w, PATIENCE_NS);
	assert_int_equal(world_arrived(w, serial), 0);
}

void
scene_expect_secret(struct world *w, unsigned device)
{
	unsigned ends[] = { device, world_peer(w, device) };
	struct tunnel_secret want;

	for (unsigned n = 0; n < 2; n++) {
		const struct device *d = &w->devices[ends[n]].d;

		assert_true(world_current_secret(w, ends[n], &want));
		assert_true(d->has_secret);
		assert_int_equal(d->generation, world_current_generation(w, ends[n]));
		assert_memory_equal(d->secret.bytes, want.bytes, sizeof(want.bytes));
	}
}

void
scene_expect_verdicts(struct world *w, unsigned cathedral, enum verdict v, uint64_t count)
{
	uint64_t got = world_verdicts(w, cathedral, v);

	if (got != count)
		fail_msg("cathedral %u has counted %s %lu times instead of %lu", cathedral,
		    verdict_name(v), (unsigned long)got, (unsigned long)count);
}

void
scene_quiet(struct world *w, unsigned device)
{
	w->devices[device].d.config.info = false;
	w->devices[device].d.config.liturgy.on = false;
}

void
scene_send_info(struct world *w, unsigned device)
{
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	device_make_info(&w->devices[device].d, &now, &packet);
	world_send(w, device, &packet);
}

void
scene_send_liturgy(struct world *w, unsigned device)
{
	struct device_moment now = world_moment(w);
	struct device_packet packet;

	device_make_liturgy(&w->devices[device].d, &now, &packet);
	world_send(w, device, &packet);
}

static uint64_t
all_verdicts(const struct stats_sum *s)
{
	uint64_t sum = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		sum += s->verdicts[v];
	return sum;
}

void
scene_expect_fate(struct world *w, const struct endpoint *from, const struct endpoint *to,
    const void *bytes, size_t len, enum verdict want)
{
	struct stats_sum before, after;
	unsigned cathedral;
	uint8_t listener;
	bool nat_port;

	assert_true(world_find_cathedral(w, to, &cathedral, &listener, &nat_port));
	before = world_stats(w, cathedral);
	world_post(w, from, to, bytes, len);
	world_run(w, 2 * w->line.delay_ns);
	after = world_stats(w, cathedral);
	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		if (v != want && after.verdicts[v] != before.verdicts[v])
			fail_msg(
			    "a packet was %s instead of %s", verdict_name(v), verdict_name(want));
	assert_int_equal(all_verdicts(&after), all_verdicts(&before) + 1);
}

void
scene_expect_packet_fate(
    struct world *w, unsigned device, const struct device_packet *packet, enum verdict v)
{
	scene_expect_fate(w, &w->devices[device].at, &packet->to, packet->bytes, packet->len, v);
}

static void
watch_datagram(struct world *w, const struct world_datagram *d, void *arg)
{
	struct scene_watch *watch = arg;

	(void)w;
	if (!endpoint_same_ip(&d->to, &watch->at))
		return;
	watch->packets++;
	watch->bytes += d->len;
}

void
scene_watch(struct world *w, struct scene_watch *watch, const struct endpoint *at)
{
	*watch = (struct scene_watch){ .at = *at };
	w->tap = watch_datagram;
	w->tap_arg = watch;
}
