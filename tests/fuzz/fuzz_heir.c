/* SPDX-License-Identifier: ISC */
/*
 * What another cathedral, or the state file, says that it knows, into a site of its own for each
 * input: frames of any kind in any order.  What was taken can be told again to another site, which
 * takes all of it.
 */
#include "cathedral/relay/bequest.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const struct instant now = { .mono_ns = 1000 * NS_PER_S, .wall_s = 1700000000 };

static struct registry *
registry_of_one(struct random *r)
{
	static const struct registry_spec_device devices[] = {
		{ .id = { 0x0badf00d }, .kek_number = 0xca },
		{ .id = { 0xfe }, .kek_number = 0xfe },
	};
	struct registry_flock *flocks[] = {
		registry_flock_create((struct flock_id){ 0xcafeba00 }, devices, 2),
	};
	const struct registry_parts parts = {
		.flocks = flocks,
		.flock_count = 1,
		.hash = hash_key_new(r),
	};

	fuzz_expect(flocks[0] != NULL);
	return registry_create(&parts, NULL);
}

static struct site *
make_site(void)
{
	static const uint8_t ip[4] = { 192, 0, 2, 9 };
	struct site_options options = SITE_OPTIONS_DEFAULT;
	struct random random;
	struct site *s;

	random_from_seed(&random, 1);
	options.tunnels_max = options.tunnels_per_device = 1 << 10;
	options.liturgies_max = options.identities_max = options.replays_max = 1 << 10;
	options.flock_budget_month = 1000000;
	options.listener_count = 2;
	options.listeners[0].main = endpoint_from_ipv4(ip, 4500);
	options.listeners[1].main = endpoint_from_ipv4(ip, 4501);
	options.listeners[1].shrouded = true;
	s = site_create(&options, registry_of_one(&random), 1, &random);
	fuzz_expect(s != NULL);
	return s;
}

static bool
pass_on(void *arg, const uint8_t *frame, size_t len)
{
	struct cursor c = cursor_over(frame, len);
	struct fault why;
	struct frame f;

	fuzz_expect(frame_take(&f, &c) && cursor_done(&c));
	fuzz_expect(heir_take(arg, &f, now, &why));
	return true;
}

static uint64_t
used_of(struct site *s)
{
	struct budget_report r;

	budget_tick(s->budget, now, NULL, NULL);
	budget_report(s->budget, &r);
	return r.used;
}

static void
expect_told_again(struct site *first)
{
	struct bequest_counts counts = { 0 };
	struct site *second = make_site();
	struct heir heir = heir_of(second, BEQUEST_PROCESS);
	const struct bequest_sink sink = { pass_on, &heir };
	struct bequest *b = bequest_create(first, &sink, BEQUEST_PROCESS);

	fuzz_expect(b != NULL);
	fuzz_expect(bequest_write(b, now, &counts));
	fuzz_expect(heir.skipped == 0);
	fuzz_expect(heir.counts.tunnels == tunnels_count(first->tunnels));
	fuzz_expect(tunnels_count(second->tunnels) == tunnels_count(first->tunnels));
	fuzz_expect(liturgies_count(second->liturgies) == liturgies_count(first->liturgies));
	fuzz_expect(replay_count(second->replay) == replay_count(first->replay));
	fuzz_expect(used_of(second) == used_of(first));
	bequest_destroy(b);
	site_destroy(second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	struct site *s = make_site();
	struct heir heir = heir_of(s, BEQUEST_PROCESS);
	struct fault why;
	struct frame f;

	while (frame_take(&f, &c) && heir_take(&heir, &f, now, &why))
		;
	fuzz_expect(tunnels_count(s->tunnels) <= heir.counts.tunnels);
	if (heir.counts.tunnels + heir.counts.liturgies + heir.counts.replays +
		heir.counts.budgets >
	    0)
		expect_told_again(s);
	site_destroy(s);
	return 0;
}
