/* SPDX-License-Identifier: ISC */
/* Cathedrals of a world: what the daemon's threads and sockets do, done by hand. */
#include "tests/support/world_parts.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_AFTER_NS (2 * NS_PER_MS) /* the scanner takes up what workers leave to it */

static void
send_packets(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct world_sender *s = (struct world_sender *)(void *)sender;
	struct world *w = s->world;
	const struct site_options *o = &w->cathedrals[s->cathedral].options;

	for (size_t n = 0; n < count; n++) {
		const struct packet *pkt = packets[n];

		if (pkt->to.port == 0)
			world_violate(w, "cathedral %u sends to port 0", s->cathedral);
		if (pkt->len < PACKET_MIN || pkt->len > PACKET_MAX)
			world_violate(w, "cathedral %u sends %zu bytes", s->cathedral, pkt->len);
		if (pkt->to_listener >= o->listener_count ||
		    o->listeners[pkt->to_listener].shrouded != (pkt->to_mask != NULL)) {
			world_violate(w, "cathedral %u sends by a wrong listener", s->cathedral);
			continue;
		}
		world_post(w, &o->listeners[pkt->to_listener].main, &pkt->to, pkt->head, pkt->len);
	}
}

/* ---- where they are ---- */

/* 10.0.N.1 or fd00::N, ports 4500, 4510 and so on, each with its NAT port behind it. */
static struct endpoint
place_of_listener(unsigned cathedral, unsigned listener, bool ipv6)
{
	uint8_t ip4[4] = { 10, 0, (uint8_t)(cathedral + 1), 1 };
	struct endpoint e = endpoint_from_ipv4(ip4, (uint16_t)(4500 + 10 * listener));

	if (ipv6) {
		memset(e.ip, 0, sizeof(e.ip));
		e.ip[0] = 0xfd;
		e.ip[15] = (uint8_t)(cathedral + 1);
	}
	return e;
}

unsigned
world_add_cathedral(struct world *w, const struct world_listener *listeners, size_t count)
{
	struct world_cathedral *c = &w->cathedrals[w->cathedral_count];
	struct site_options defaults = SITE_OPTIONS_DEFAULT;

	world_must(w->cathedral_count < WORLD_CATHEDRALS, "a place for one more cathedral");
	c->options = defaults;
	c->options.listener_count = count;
	for (unsigned n = 0; n < count; n++) {
		struct listener *l = &c->options.listeners[n];

		l->main = place_of_listener(w->cathedral_count, n, listeners[n].ipv6);
		/* What cannot be said in four bytes is not said. */
		l->advertised = l->main;
		l->nat_port = (uint16_t)(l->main.port + 1);
		l->shrouded = listeners[n].shrouded;
	}
	c->workers = 1;
	c->ahead_ns = 1000 * NS_PER_S + random_u64(&w->random) % (1000 * NS_PER_S);
	c->sender = (struct world_sender){ { send_packets }, w, w->cathedral_count };
	return w->cathedral_count++;
}

bool
world_find_cathedral(const struct world *w, const struct endpoint *at, unsigned *cathedral,
    uint8_t *listener, bool *nat_port)
{
	for (unsigned i = 0; i < w->cathedral_count; i++) {
		const struct site_options *o = &w->cathedrals[i].options;

		for (unsigned n = 0; n < o->listener_count; n++) {
			const struct listener *l = &o->listeners[n];

			if (!endpoint_same_ip(&l->main, at) ||
			    (at->port != l->main.port && at->port != l->nat_port))
				continue;
			*cathedral = i;
			*listener = (uint8_t)n;
			*nat_port = at->port != l->main.port;
			return true;
		}
	}
	return false;
}

const struct listener *
world_listener(const struct world *w, unsigned cathedral, unsigned listener)
{
	return &w->cathedrals[cathedral].options.listeners[listener];
}

struct instant
world_cathedral_now(const struct world *w, unsigned cathedral)
{
	const struct world_cathedral *c = &w->cathedrals[cathedral];

	return (struct instant){
		.mono_ns = w->now_ns + c->ahead_ns,
		.wall_s = w->wall_s + (int64_t)(w->now_ns / NS_PER_S) + c->skew_s,
	};
}

/* ---- up and down ---- */

/* The scanner's and the main thread's pipelines come after those of the workers. */
static struct pipeline *
scanner_of(const struct world_cathedral *c)
{
	return c->pipelines[c->workers];
}

static struct pipeline *
main_of(const struct world_cathedral *c)
{
	return c->pipelines[c->workers + 1];
}

/* Of a world that is not fed everything may have been touched. */
static struct registry *
read_registry(struct world *w, unsigned cathedral, const struct registry *old,
    struct registry_touched *touched)
{
	if (w->feed != NULL)
		return world_feed_registry(w, cathedral, old, touched);
	registry_touch_all(touched);
	return world_registry(w, cathedral, old);
}

void
world_start(struct world *w, unsigned cathedral)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	struct registry_touched touched = { .all = true };
	unsigned slots = c->workers + 2;
	size_t size = slots * sizeof(*c->stats);

	world_must(c->site == NULL, "a cathedral that is down");
	c->stats = aligned_alloc(64, size);
	c->site = site_create(
	    &c->options, read_registry(w, cathedral, NULL, &touched), slots, &w->random);
	registry_touched_free(&touched);
	world_must(c->stats != NULL && c->site != NULL, "memory for a cathedral");
	memset(c->stats, 0, size);
	memset(c->taken, 0, sizeof(c->taken));
	for (unsigned n = 0; n < slots; n++) {
		c->pipelines[n] =
		    pipeline_create(c->site, n, &c->sender.sender, &c->stats[n], &w->random);
		world_must(c->pipelines[n] != NULL, "memory for a pipeline");
		if (n < c->workers)
			world_must(pipeline_take_turns(c->pipelines[n], &w->random), "memory");
	}
	c->sweep_due_ns = w->now_ns + w->sweep_ns;
	c->scan_due_ns = UINT64_MAX;
}

void
world_cathedral_end(struct world *w, unsigned cathedral)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];

	if (c->site == NULL)
		return;
	for (unsigned n = 0; n < c->workers + 2; n++)
		pipeline_destroy(c->pipelines[n]);
	site_destroy(c->site);
	follow_destroy(c->follow);
	free(c->stats);
	c->follow = NULL;
	c->site = NULL;
	c->stats = NULL;
}

void
world_crash(struct world *w, unsigned cathedral)
{
	world_must(w->cathedrals[cathedral].site != NULL, "a cathedral that is up");
	world_cathedral_end(w, cathedral);
}

void
world_open(struct world *w)
{
	for (unsigned n = 0; n < w->cathedral_count; n++)
		world_start(w, n);
}

void
world_publish(struct world *w, unsigned cathedral)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	struct registry_touched touched = { .all = false };
	struct registry *next;

	if (c->site == NULL)
		return;
	next = read_registry(w, cathedral, publish_current(c->site->publish), &touched);
	site_meter(c->site, next, &touched);
	world_must(publish_swap(c->site->publish, next), "memory for a registry");
	site_purge(c->site, &touched);
	pipeline_push_ambries(main_of(c), &touched, world_cathedral_now(w, cathedral));
	registry_touched_free(&touched);
}

void
world_publish_all(struct world *w)
{
	for (unsigned n = 0; n < w->cathedral_count; n++)
		world_publish(w, n);
}

/* ---- at work ---- */

unsigned
world_worker_of(const struct world *w, unsigned cathedral, const struct endpoint *from)
{
	unsigned sum = from->port;

	for (size_t n = 0; n < sizeof(from->ip); n++)
		sum = sum * 31 + from->ip[n];
	return sum % w->cathedrals[cathedral].workers;
}

static uint64_t
all_verdicts(const struct stats *s)
{
	uint64_t sum = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		sum += stats_get(&s->verdicts[v]);
	return sum;
}

/* Every packet ends in exactly one verdict, and that is counted once. */
static void
check_verdicts(struct world *w, unsigned cathedral, unsigned worker, size_t count)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	const struct stats *scanner = &c->stats[c->workers];

	for (size_t n = 0; n < count; n++)
		if (w->room[n].verdict >= VERDICT_COUNT)
			world_violate(w, "a packet at cathedral %u has no verdict", cathedral);
	if (all_verdicts(&c->stats[worker]) != c->taken[worker])
		world_violate(
		    w, "verdicts of worker %u of cathedral %u do not add up", worker, cathedral);
	if (all_verdicts(scanner) != stats_get(&scanner->identity_found))
		world_violate(
		    w, "verdicts of the scanner of cathedral %u do not add up", cathedral);
}

void
world_cathedral_takes(struct world *w, unsigned cathedral, unsigned worker, size_t count)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	struct packet *packets[PIPELINE_BATCH];

	for (size_t n = 0; n < count; n++)
		packets[n] = &w->room[n];
	c->taken[worker] += count;
	pipeline_run(c->pipelines[worker], packets, count, world_cathedral_now(w, cathedral));
	check_verdicts(w, cathedral, worker, count);
	if (c->scan_due_ns == UINT64_MAX)
		c->scan_due_ns = w->now_ns + SCAN_AFTER_NS;
}

/* Where there is a rate to share out workers wake up as soon as something is due. */
static uint64_t
turns_due(const struct world_cathedral *c)
{
	uint64_t due_ns = UINT64_MAX;

	for (unsigned n = 0; c->site->egress != NULL && n < c->workers; n++)
		if (pipeline_due_ns(c->pipelines[n]) < due_ns)
			due_ns = pipeline_due_ns(c->pipelines[n]);
	return due_ns == UINT64_MAX ? due_ns : due_ns - c->ahead_ns;
}

uint64_t
world_cathedral_due(const struct world *w, unsigned cathedral)
{
	const struct world_cathedral *c = &w->cathedrals[cathedral];
	uint64_t turns_ns;

	if (c->site == NULL)
		return UINT64_MAX;
	turns_ns = turns_due(c);
	if (turns_ns < c->sweep_due_ns && turns_ns < c->scan_due_ns)
		return turns_ns;
	if (!c->scanner_rests && c->scan_due_ns < c->sweep_due_ns)
		return c->scan_due_ns;
	return c->sweep_due_ns;
}

static void
run_ticks(struct world_cathedral *c, struct instant now)
{
	for (unsigned n = 0; n < c->workers; n++)
		if (pipeline_due_ns(c->pipelines[n]) <= now.mono_ns)
			pipeline_tick(c->pipelines[n], now);
}

void
world_cathedral_timers(struct world *w, unsigned cathedral)
{
	struct world_cathedral *c = &w->cathedrals[cathedral];
	struct instant now = world_cathedral_now(w, cathedral);
	size_t count;

	if (!c->scanner_rests && w->now_ns >= c->scan_due_ns) {
		c->scan_due_ns = UINT64_MAX;
		while (
		    (count = lookups_next(c->site->lookups, w->lookups, LOOKUPS_TOGETHER, 0)) > 0)
			pipeline_look_up(scanner_of(c), w->lookups, count, &w->room[0], now);
		check_verdicts(w, cathedral, 0, 0);
	}
	if (c->site->egress != NULL)
		run_ticks(c, now);
	if (w->now_ns >= c->sweep_due_ns) {
		c->sweep_due_ns += w->sweep_ns;
		run_ticks(c, now);
		pipeline_greet(main_of(c), now);
		site_sweep(c->site, now.mono_ns);
		if (c->site->budget != NULL)
			budget_tick(c->site->budget, now, NULL, NULL);
		publish_reclaim(c->site->publish);
	}
}

struct stats_sum
world_stats(const struct world *w, unsigned cathedral)
{
	const struct world_cathedral *c = &w->cathedrals[cathedral];
	struct stats_sum sum;

	memset(&sum, 0, sizeof(sum));
	for (unsigned n = 0; c->stats != NULL && n < c->workers + 2; n++)
		stats_sum_add(&sum, &c->stats[n]);
	return sum;
}

uint64_t
world_verdicts(const struct world *w, unsigned cathedral, enum verdict v)
{
	return world_stats(w, cathedral).verdicts[v];
}
