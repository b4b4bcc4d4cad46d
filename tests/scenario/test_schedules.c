/* SPDX-License-Identifier: ISC */
/*
 * Many small worlds, in each of which for a while everything goes wrong that can: packets are lost,
 * late, doubled and repeated from elsewhere, cathedrals crash and part, registries change, devices
 * move and start anew.  Whatever happens, nobody gets what is not his; and once it is over, all is
 * well within the time that things live.
 *
 * ROUNDS=n in the environment: so many instead of 1,000 (100 with a sanitizer).  A round that fails
 * says its own seed: TEST_SEED=<that> ROUNDS=1 repeats it.
 */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
#define ROUNDS 100
#else
#define ROUNDS 1000
#endif

#define PER_DEVICE 8 /* quotas, low enough to be tried out in the end */
#define RECORDED   8

struct schedule {
	struct world *w;
	bool rekeys, moves, hostile;
	struct world_datagram *recorded[RECORDED];
};

static uint32_t
below(struct schedule *s, uint32_t limit)
{
	return random_below(&s->w->random, limit);
}

static bool
chance(struct schedule *s, uint32_t percent)
{
	return below(s, 100) < percent;
}

/* ---- a random world ---- */

static void
make_cathedrals(struct schedule *s)
{
	struct world *w = s->w;
	bool shrouded = chance(s, 60), sync = chance(s, 50);
	unsigned count = 1 + below(s, 3);

	for (unsigned n = 0; n < count; n++) {
		const struct world_listener listeners[] = { { .shrouded = shrouded },
			{ .shrouded = !shrouded }, { .shrouded = chance(s, 50), .ipv6 = true } };
		struct world_cathedral *c =
		    &w->cathedrals[world_add_cathedral(w, listeners, 1 + below(s, 3))];

		c->workers = 1 + below(s, WORLD_WORKERS);
		c->skew_s = (int64_t)below(s, 5) - 2;
		c->options.p2p_sync = sync;
		c->options.tunnels_per_device = PER_DEVICE;
		c->options.identities_per_device = PER_DEVICE;
	}
}

static void
make_flocks(struct schedule *s)
{
	unsigned count = 1 + below(s, 2);

	for (unsigned f = 0; f < count; f++) {
		world_add_flock(s->w);
		for (unsigned n = 0; n < 3; n++)
			world_add_member(
			    s->w, f, (uint8_t)(1 + 80 * n + below(s, 80)), below(s, 3) * 25);
	}
	if (count == 2 && chance(s, 70))
		world_add_pair(s->w, 0, 1);
	/* Identities are a flock's own: another flock may use the same. */
	if (count == 2 && chance(s, 30))
		s->w->flocks[1].members[0].id = s->w->flocks[0].members[below(s, 3)].id;
}

static void
make_device(struct schedule *s, unsigned device)
{
	struct world *w = s->w;
	struct world_device *dev = &w->devices[device];
	struct device_config *c = &dev->d.config;

	c->info_ns = (3 + below(s, 3)) * NS_PER_S;
	c->liturgy_ns = (2 + below(s, 5)) * NS_PER_S;
	c->seed_id_ns = (15 + below(s, 300)) * NS_PER_S;
	c->mtu = chance(s, 80) ? 1373 : 0;
	c->remembrance = chance(s, 80);
	c->liturgy.on = chance(s, 30);
	c->liturgy.group = (uint16_t)below(s, 2);
	c->liturgy.signalling = chance(s, 50);
	c->liturgy.peers = kek_set_all();
	c->direct = chance(s, 30);
	dev->symmetric = chance(s, 20);
	dev->d.info_due_ns += below(s, 1000) * NS_PER_MS;
	if (c->direct)
		dev->d.cathedrals[0].nat_port = (uint16_t)(dev->d.cathedrals[0].at.port + 1);
	/* One with a choice must hear something of its cathedral while the other end is away. */
	if (w->cathedral_count > 1 && c->remembrance && endpoint_is_ipv4(&dev->at) && chance(s, 50))
		world_add_fallback(w, device, below(s, w->cathedral_count), 0);
}

/* Two members that have no tunnel in this domain yet. */
static void
make_tunnel(struct schedule *s)
{
	struct world *w = s->w;
	unsigned peer_cathedral = below(s, w->cathedral_count);
	struct world_end end = {
		.flock = below(s, w->flock_count),
		.member = below(s, 3),
		.peer_flock = below(s, w->flock_count),
		.peer_member = below(s, 3),
		.domain = (uint8_t)below(s, 2),
		.cathedral = below(s, w->cathedral_count),
	};
	unsigned a;

	if (end.flock == end.peer_flock && end.member == end.peer_member)
		end.peer_member = (end.peer_member + 1) % 3;
	end.listener = below(s, (uint32_t)w->cathedrals[end.cathedral].options.listener_count);
	a = world_add_tunnel(w, &end, peer_cathedral,
	    below(s, (uint32_t)w->cathedrals[peer_cathedral].options.listener_count));
	if (world_peer(w, a) != a + 1 || world_peer(w, a + 1) != a) {
		w->device_count -= 2;
		memset(&w->devices[a], 0, 2 * sizeof(w->devices[a]));
		return;
	}
	make_device(s, a);
	make_device(s, a + 1);
}

static void
make_line(struct schedule *s)
{
	struct world_line *l = &s->w->line;

	l->delay_ns = (1 + below(s, 40)) * NS_PER_MS;
	l->jitter_ns = chance(s, 70) ? (1 + below(s, 100)) * NS_PER_MS : 0;
	l->lost = chance(s, 70) ? below(s, 300) : 0;
	l->twice = chance(s, 50) ? below(s, 200) : 0;
}

/* ---- what devices hear ---- */

/* Whether the flocks of its tunnel may talk at all. */
static bool
may_talk(const struct world *w, unsigned device)
{
	const struct device_config *c = &w->devices[device].d.config;

	return flock_equal(c->flock, c->flock_dst) || w->pair_count > 0;
}

/* A device knows an exchange that is over, though somebody sends it once more. */
static bool
is_current(const struct world *w, unsigned device, uint32_t spi)
{
	const struct device *peer = &w->devices[world_peer(w, device)].d;

	return spi == peer->rx_active || spi == peer->rx_pending;
}

static void
heard(struct world *w, unsigned device, const struct device_event *ev, void *arg)
{
	const struct schedule *s = arg;
	bool expected = !device_refused(ev->kind);

	/* It may have left the cathedral that this comes from, or the keys that the peer uses. */
	if (ev->kind == DEVICE_WRONG_SOURCE)
		expected = true;
	if (ev->kind == DEVICE_WRONG_SPI)
		expected = s->rekeys;
	if (!may_talk(w, device) && (ev->kind == DEVICE_DATA || ev->kind == DEVICE_SACRAMENT ||
					ev->kind == DEVICE_INFO || ev->kind == DEVICE_AMBRY))
		expected = false;
	if (!expected)
		world_violate(w, "device %u got what is not its own: %s", device,
		    device_event_name(ev->kind));
	if (ev->kind == DEVICE_SACRAMENT && is_current(w, device, ev->sacrament.header.spi))
		w->devices[device].d.tx_spi = ev->sacrament.header.spi;
}

/* Keeps some of what goes to cathedrals, for later. */
static void
record(struct world *w, const struct world_datagram *d, void *arg)
{
	struct schedule *s = arg;
	size_t n = random_below(&w->random, 100);
	unsigned cathedral;
	uint8_t listener;
	bool nat_port;

	if (n >= RECORDED || !world_find_cathedral(w, &d->to, &cathedral, &listener, &nat_port))
		return;
	free(s->recorded[n]);
	s->recorded[n] = malloc(sizeof(*d) + d->len);
	assert_non_null(s->recorded[n]);
	memcpy(s->recorded[n], d, sizeof(*d) + d->len);
}

/* ---- what happens ---- */

typedef void happening(struct schedule *s);

static void
send_some_data(struct schedule *s)
{
	for (unsigned n = below(s, 8); n > 0; n--)
		world_send_data(
		    s->w, below(s, s->w->device_count), WORLD_PAYLOAD_MIN + below(s, 1350));
}

static void
crash_or_start(struct schedule *s)
{
	unsigned n = below(s, s->w->cathedral_count);

	if (s->w->cathedrals[n].site == NULL)
		world_start(s->w, n);
	else if (chance(s, 40))
		world_crash(s->w, n);
}

static void
cut_or_heal(struct schedule *s)
{
	unsigned a = below(s, s->w->cathedral_count);
	unsigned b = below(s, s->w->cathedral_count + s->w->device_count);

	if (chance(s, 30)) {
		world_heal(s->w);
		return;
	}
	if (b >= s->w->cathedral_count)
		b = world_host_of_device(b - s->w->cathedral_count);
	world_cut(s->w, a, b, true);
}

static void
publish_some(struct schedule *s)
{
	for (unsigned n = 0; n < s->w->cathedral_count; n++)
		if (chance(s, 70))
			world_publish(s->w, n);
}

static void
new_bundle(struct schedule *s)
{
	unsigned flock = below(s, s->w->flock_count);

	if (s->w->pair_count > 0 && chance(s, 30))
		world_renew_pair(s->w, 0, 10);
	else
		world_renew(s->w, flock, chance(s, 80) ? 10 : -2);
	publish_some(s);
}

static void
change_members(struct schedule *s)
{
	unsigned flock = below(s, s->w->flock_count);
	struct world_member *m = &s->w->flocks[flock].members[below(s, 3)];

	switch (below(s, 3)) {
	case 0:
		m->gone = !m->gone;
		break;
	case 1:
		m->mbit = below(s, 3) * 25;
		break;
	default:
		if (s->w->pair_count > 0)
			s->w->pairs[0].cut = !s->w->pairs[0].cut;
		break;
	}
	world_touch(s->w, flock);
	publish_some(s);
}

static void
move_device(struct schedule *s)
{
	struct world_device *dev = &s->w->devices[below(s, s->w->device_count)];

	if (s->moves)
		dev->at.port = (uint16_t)(dev->at.port + 100);
}

static void
restart_device(struct schedule *s)
{
	struct world_device *dev = &s->w->devices[below(s, s->w->device_count)];
	struct device_moment now = world_moment(s->w);

	dev->off = !dev->off && chance(s, 30);
	if (!dev->off)
		device_restart(&dev->d, &now);
}

static void
rekey_device(struct schedule *s)
{
	unsigned n = below(s, s->w->device_count);
	struct device *d = &s->w->devices[n].d;
	struct device_moment now = world_moment(s->w);
	uint8_t body[600] = { 0 };
	struct device_exchange x = { .body = body, .len = sizeof(body) };
	struct device_packet packet;

	if (!s->rekeys)
		return;
	x.new_spi = (uint32_t)d->config.tunnel.value << 16 | (1 + below(s, 65535));
	d->rx_active = d->rx_pending != 0 ? d->rx_pending : d->rx_active;
	d->rx_pending = x.new_spi;
	assert_true(device_make_sacrament(d, &now, &x, &packet));
	world_send(s->w, n, &packet);
}

/* What was recorded comes again, from where it came from or from nowhere that is known. */
static void
replay(struct schedule *s)
{
	const struct world_datagram *d = s->recorded[below(s, RECORDED)];
	uint8_t ip[4] = { 203, 0, 113, (uint8_t)below(s, 256) };
	struct endpoint elsewhere = endpoint_from_ipv4(ip, (uint16_t)below(s, 65536));

	if (!s->hostile || d == NULL)
		return;
	world_post(s->w, chance(s, 30) ? &d->from : &elsewhere, &d->to, d->bytes, d->len);
}

/* Somebody's packet in the name of somebody else, or of nobody. */
static void
forge(struct schedule *s)
{
	struct world *w = s->w;
	unsigned n = below(s, w->device_count);
	const struct device *victim = &w->devices[below(s, w->device_count)].d;
	const struct device *claimed = &w->devices[below(s, w->device_count)].d;
	struct device_moment now = world_moment(w);
	struct data_header h = {
		.spi = victim->rx_active,
		.flock_src = claimed->config.flock,
		.flock_dst = victim->config.flock,
	};
	uint8_t bytes[300];
	struct device_packet packet;

	/* The SPI says whose packet it is; in one's own name it would be nothing wrong. */
	if (!s->hostile || w->devices[n].off ||
	    tunnel_own(w->devices[n].d.config.tunnel) == tunnel_peer(victim->config.tunnel))
		return;
	random_bytes(&w->random, bytes, sizeof(bytes));
	if (chance(s, 80))
		data_header_encode(&h, bytes);
	assert_true(device_make_raw(&w->devices[n].d, &now, bytes, sizeof(bytes), &packet));
	world_send(w, n, &packet);
}

static void
let_something_happen(struct schedule *s)
{
	static happening *const all[] = { send_some_data, send_some_data, crash_or_start,
		cut_or_heal, new_bundle, change_members, move_device, restart_device, rekey_device,
		replay, replay, forge };

	all[below(s, sizeof(all) / sizeof(all[0]))](s);
}

/* ---- the end ---- */

static void
make_good(struct schedule *s)
{
	struct world *w = s->w;

	world_heal(w);
	w->line.lost = w->line.twice = 0;
	for (unsigned n = 0; n < w->pair_count; n++) {
		w->pairs[n].cut = false;
		world_renew_pair(w, n, 10);
	}
	for (unsigned f = 0; f < w->flock_count; f++) {
		for (unsigned n = 0; n < 3; n++)
			w->flocks[f].members[n].gone = false;
		world_touch(w, f);
		world_renew(w, f, 10);
	}
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		if (w->cathedrals[n].site == NULL)
			world_start(w, n);
		else
			world_publish(w, n);
	}
	for (unsigned n = 0; n < w->device_count; n++)
		w->devices[n].off = false;
	/* Devices that lost an exchange would begin another. */
	for (unsigned n = 0; n < w->device_count; n++)
		w->devices[n].d.tx_spi = w->devices[world_peer(w, n)].d.rx_active;
}

static void
expect_well(const struct world *w, const char *what, uint64_t got, uint64_t want)
{
	if (got != want || w->violation[0] != '\0')
		fail_msg("seed %lu: %s: %lu instead of %lu; %s", (unsigned long)w->seed, what,
		    (unsigned long)got, (unsigned long)want, w->violation);
}

static void
expect_all_talk(struct schedule *s)
{
	struct world *w = s->w;
	size_t serials[WORLD_DEVICES];
	struct tunnel_secret secret;

	for (unsigned n = 0; n < w->device_count; n++)
		serials[n] = world_send_data(w, n, 100 + n);
	scene_run_s(w, 1);
	for (unsigned n = 0; n < w->device_count; n++) {
		bool may = may_talk(w, n);

		expect_well(w, "data arrived", world_arrived(w, serials[n]), may);
		if (!may)
			continue;
		expect_well(w, "has a secret",
		    world_current_secret(w, n, &secret) && w->devices[n].d.has_secret, true);
		expect_well(w, "other secret",
		    memcmp(&w->devices[n].d.secret, &secret, sizeof(secret)) != 0, false);
	}
}

/* Entries of liturgies, which are of the own flock whomever one talks to: the same member may speak
 * for several tunnels. */
static size_t
count_liturgists(const struct world *w)
{
	size_t count = 0;

	for (unsigned n = 0; n < w->device_count; n++) {
		const struct device_config *c = &w->devices[n].d.config;
		bool first = c->liturgy.on;

		for (unsigned i = 0; i < n && first; i++) {
			const struct device_config *other = &w->devices[i].d.config;

			first = !(other->liturgy.on && flock_equal(other->flock, c->flock) &&
				  other->id.value == c->id.value &&
				  other->liturgy.signalling == c->liturgy.signalling);
		}
		count += first;
	}
	return count;
}

/* A round of the sweep, and a little more. */
static void
sweep_all(struct world *w, unsigned cathedral)
{
	for (unsigned n = 0; n < 110; n++)
		site_sweep(
		    w->cathedrals[cathedral].site, world_cathedral_now(w, cathedral).mono_ns);
}

static void
expect_what_lives(struct schedule *s)
{
	struct world *w = s->w;
	size_t tunnels = 0;

	for (unsigned n = 0; n < w->device_count; n++)
		tunnels += may_talk(w, n);
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		const struct site *site = w->cathedrals[n].site;

		sweep_all(w, n);
		expect_well(w, "tunnels", tunnels_count(site->tunnels), tunnels);
		expect_well(w, "liturgies", liturgies_count(site->liturgies), count_liturgists(w));
	}
}

static void
nothing(struct tunnel *tunnel, bool created, void *arg)
{
	(void)tunnel;
	(void)created;
	(void)arg;
}

/* A device that has nothing can have everything that it may. */
static void
expect_whole_quotas(struct world *w, unsigned cathedral, unsigned device)
{
	const struct site *site = w->cathedrals[cathedral].site;
	const struct device_config *c = &w->devices[device].d.config;
	uint64_t now_ns = world_cathedral_now(w, cathedral).mono_ns;
	struct identity who = { flock_base(c->flock), flock_base(c->flock_dst), c->id, 0 };
	size_t before = identities_count(site->identities);

	for (unsigned n = 0; n <= PER_DEVICE; n++) {
		struct tunnel_id id = tunnel_between((uint8_t)device, (uint8_t)n);
		struct tunnel_key key = tunnel_key(c->flock, c->flock_dst, id);
		uint8_t shown[16] = { (uint8_t)device, (uint8_t)n };

		expect_well(w, "quota of tunnels",
		    tunnels_change(site->tunnels, &key, c->id, true, now_ns, nothing, NULL),
		    n < PER_DEVICE ? TUNNELS_OK : TUNNELS_QUOTA);
		identities_prove(site->identities, shown, &who, &w->devices[device].at, now_ns);
	}
	expect_well(
	    w, "quota of identities", identities_count(site->identities) - before, PER_DEVICE);
}

static bool
is_new_member(const struct world *w, unsigned device)
{
	for (unsigned n = 0; n < device; n++)
		if (w->devices[n].flock == w->devices[device].flock &&
		    w->devices[n].member == w->devices[device].member)
			return false;
	return true;
}

static void
expect_nothing_left(struct schedule *s)
{
	struct world *w = s->w;

	for (unsigned n = 0; n < w->device_count; n++)
		w->devices[n].off = true;
	/* Cathedrals would write to each other for ever. */
	for (unsigned n = 0; n < w->cathedral_count; n++)
		w->cathedrals[n].site->options.letters = false;
	w->sweep_ns = 10 * NS_PER_S;
	scene_run_s(w, 650);
	for (unsigned n = 0; n < w->cathedral_count; n++) {
		const struct site *site = w->cathedrals[n].site;

		sweep_all(w, n);
		expect_well(w, "tunnels", tunnels_count(site->tunnels), 0);
		expect_well(w, "liturgies", liturgies_count(site->liturgies), 0);
		expect_well(w, "identities", identities_count(site->identities), 0);
		expect_well(w, "replays", replay_count(site->replay), 0);
		for (unsigned d = 0; d < w->device_count; d++)
			if (is_new_member(w, d))
				expect_whole_quotas(w, n, d);
	}
}

static void
run_schedule(uint64_t seed)
{
	struct schedule s = { .w = world_create(seed) };
	struct world *w = s.w;
	uint64_t until_ns, next_ns = 0;

	make_cathedrals(&s);
	make_flocks(&s);
	for (unsigned n = 1 + below(&s, 3); n > 0 || w->device_count == 0; n--)
		make_tunnel(&s);
	make_line(&s);
	s.rekeys = chance(&s, 50);
	s.moves = chance(&s, 70);
	s.hostile = chance(&s, 60);
	w->heard = heard;
	w->heard_arg = &s;
	w->tap = record;
	w->tap_arg = &s;
	w->sweep_ns = 2 * NS_PER_S;
	world_open(w);

	until_ns = (10 + below(&s, 40)) * NS_PER_S;
	while (w->now_ns < until_ns) {
		next_ns = w->now_ns + 1 + below(&s, 2000) * NS_PER_MS;
		while (world_step(w, next_ns))
			expect_well(w, "violations", w->violation[0] != '\0', false);
		let_something_happen(&s);
	}
	make_good(&s);
	scene_run_s(w, 130);
	expect_all_talk(&s);
	expect_what_lives(&s);
	expect_nothing_left(&s);
	for (unsigned n = 0; n < RECORDED; n++)
		free(s.recorded[n]);
	scene_end(w);
}

static void
all_is_well_in_the_end(void **state)
{
	const char *given = getenv("ROUNDS");
	unsigned long rounds = given != NULL ? strtoul(given, NULL, 10) : ROUNDS;

	(void)state;
	for (unsigned long n = 0; n < rounds; n++)
		run_schedule(scene_seed() + n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
