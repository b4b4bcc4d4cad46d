/* SPDX-License-Identifier: ISC */
#include "tests/support/small_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct flock_id flock = { 0xcafeba00 };
static const struct device_id device = { 0x0badf00d };
static const uint8_t peer_ip[4] = { 198, 51, 100, 7 };
static const uint8_t device_ip[4] = { 192, 0, 2, 1 };

static struct registry *
registry_small(struct random *r)
{
	static const struct registry_spec_device a[] = {
		{ .id = { 0x0badf00d }, .kek_number = 0xca },
		{ .id = { 0xfe }, .kek_number = 0xfe },
	};
	static const struct registry_spec_device b[] = { { .id = { 0x11 }, .kek_number = 1 } };
	static const struct federation_secret secret = { { 1 } };
	struct registry_flock *flocks[] = {
		registry_flock_create((struct flock_id){ 0xaaaaaa00 }, b, 1),
		registry_flock_create(flock, a, 2),
	};
	const struct settings_peer peer = { .at = endpoint_from_ipv4(peer_ip, 4500),
		.clear_port = 4600 };
	const struct registry_parts parts = {
		.flocks = flocks,
		.flock_count = 2,
		.peers = &peer,
		.peer_count = 1,
		.secret = &secret,
		.hash = hash_key_new(r),
	};

	assert_non_null(flocks[0]);
	assert_non_null(flocks[1]);
	return registry_create(&parts, NULL);
}

void
small_site_open(struct small_site *s)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;
	size_t stats = (SMALL_SITE_WORKERS + 2) * sizeof(struct stats);

	memset(s, 0, sizeof(*s));
	random_from_seed(&s->random, 1);
	options.tunnels_max = options.tunnels_per_device = 1 << 17;
	options.liturgies_max = options.identities_max = options.replays_max = 1 << 10;
	s->site =
	    site_create(&options, registry_small(&s->random), SMALL_SITE_WORKERS + 2, &s->random);
	assert_non_null(s->site);
	s->stats = aligned_alloc(_Alignof(struct stats), stats);
	assert_non_null(s->stats);
	memset(s->stats, 0, stats);
	s->reload = (struct overview_reload){ .ok = true, .wall_s = 1700000000, .count = 1 };
	s->succession = (struct overview_succession){
		.handovers = 7,
		.failed = 2,
		.taken_s = 1700000001,
		.gap_ns = 2500000,
		.state_file = true,
		.state_ok = true,
		.state_s = 1700000002,
		.state_ns = 1500000,
	};
	s->overview = (struct overview){
		.draining = &s->site->draining,
		.instance = "small",
		.version = "1.2.3",
		.started = clock_now(),
		.listener_count = 1,
		.listeners = { { .main = endpoint_from_ipv4(device_ip, 4500),
		    .advertised = endpoint_from_ipv4(device_ip, 4500),
		    .nat_port = 4501,
		    .shrouded = true } },
		.publish = s->site->publish,
		.tunnels = s->site->tunnels,
		.liturgies = s->site->liturgies,
		.identities = s->site->identities,
		.replay = s->site->replay,
		.identities_capacity = options.identities_max,
		.replay_capacity = options.replays_max,
		.stats = s->stats,
		.workers = SMALL_SITE_WORKERS,
		.reload = &s->reload,
		.succession = &s->succession,
	};
}

void
small_site_close(struct small_site *s)
{
	site_destroy(s->site);
	free(s->stats);
}

static void
fill_tunnel(struct tunnel *t, bool created, void *arg)
{
	(void)created;
	(void)arg;
	t->at = endpoint_from_ipv4(device_ip, 1000);
	t->rx_active = 0xca010203;
	t->generation = 0x1234;
}

void
small_site_add_tunnel(struct small_site *s, uint8_t domain, uint8_t peer_number)
{
	struct flock_id own = flock_with_domain(flock, domain);
	struct tunnel_key key = tunnel_key(own, own, tunnel_between(0xca, peer_number));

	assert_int_equal(tunnels_change(s->site->tunnels, &key, device, true, clock_now().mono_ns,
			     fill_tunnel, NULL),
	    TUNNELS_OK);
}

void
small_site_add_budget(struct small_site *s, uint64_t host, uint64_t each, uint64_t sent)
{
	const struct budget_options options = {
		.host = host,
		.flock = each,
		.threads = SMALL_SITE_WORKERS + 2,
		.flocks_max = 1024,
	};

	s->site->budget = s->overview.budget = budget_create(&options, &s->random);
	assert_non_null(s->site->budget);
	site_meter(s->site, publish_current(s->site->publish), NULL);
	s->succession.budget_file = s->succession.budget_ok = true;
	s->succession.budget_s = 1700000003;
	meter_count(&budget_flock_meters(s->site->budget, flock)[1], sent);
	meter_count(budget_host_meter(s->site->budget, 1), sent);
	budget_tick(s->site->budget, clock_now(), NULL, NULL);
}

void
small_site_add_liturgy(struct small_site *s)
{
	const struct liturgy liturgy = { .id = 0xca, .group = 77 };
	const struct liturgy_heard heard = {
		.flock = flock,
		.device = device,
		.liturgy = &liturgy,
		.from = endpoint_from_ipv4(device_ip, 1000),
		.now_ns = clock_now().mono_ns,
	};
	struct liturgy_outcome outcome;

	assert_true(liturgies_hear(s->site->liturgies, &heard, &outcome));
}
