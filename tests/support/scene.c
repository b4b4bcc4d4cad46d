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
