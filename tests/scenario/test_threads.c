/* SPDX-License-Identifier: ISC */
/*
 * One cathedral with all its threads at work on the same few tunnels: three workers, the scanner,
 * and the main thread, which changes the registry under their hands.  Packets are made beforehand;
 * afterwards nothing is missing, neither a verdict nor a place in a quota.
 */
#include "tests/support/scene.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS    3
#define PACKETS    4000 /* for each worker */
#define MEMBERS    8
#define PER_DEVICE 6

struct ready {
	struct endpoint from;
	uint8_t listener;
	bool nat_port;
	size_t len;
	uint8_t bytes[PACKET_MAX];
};

/* A sender for each thread, as the daemon has them. */
struct counter {
	struct sender sender;
	uint64_t sent;
};

struct job {
	pthread_t thread;
	struct pipeline *pipeline;
	struct site *site;
	struct ready *packets; /* the workers' */
	struct packet *room;
	struct instant now;
	struct counter counter;
	atomic_uint *working; /* how many workers still are: the others end with them */
	uint64_t done;
};

static void
count(struct sender *sender, struct packet *const *packets, size_t n)
{
	struct counter *c = (struct counter *)(void *)sender;

	(void)packets;
	c->sent += n;
}

static void *
work(void *arg)
{
	struct job *j = arg;
	struct packet *batch[PIPELINE_BATCH];

	while (j->done < PACKETS) {
		size_t n = 0, size = 1 + j->done % 13;

		for (; n < size && j->done < PACKETS; n++, j->done++) {
			const struct ready *r = &j->packets[j->done];

			batch[n] = &j->room[n];
			packet_reset(batch[n], r->len);
			memcpy(batch[n]->head, r->bytes, r->len);
			batch[n]->from = r->from;
			batch[n]->listener = r->listener;
			batch[n]->nat_port = r->nat_port;
		}
		j->now.mono_ns += 1000 * n;
		pipeline_run(j->pipeline, batch, n, j->now);
	}
	atomic_fetch_sub(j->working, 1);
	return NULL;
}

static void *
scan(void *arg)
{
	struct job *j = arg;
	struct lookup what;

	while (atomic_load(j->working) > 0) {
		if (!lookups_next(j->site->lookups, &what, 1, 5))
			continue;
		pipeline_look_up(j->pipeline, &what, 1, j->room, j->now);
		j->done++;
	}
	return NULL;
}

/* ---- packets ---- */

static void
make_packet(struct world *w, unsigned device, struct device_packet *packet)
{
	struct device_moment now = world_moment(w);
	struct device *d = &w->devices[device].d;
	uint8_t bytes[400];
	struct device_exchange x = { .body = bytes, .len = sizeof(bytes), .new_spi = d->rx_active };

	random_bytes(&w->random, bytes, sizeof(bytes));
	/* Other domains, so that tunnels are made and refused as well. */
	if (random_below(&w->random, 8) == 0) {
		d->config.flock.value =
		    flock_base(d->config.flock).value + random_below(&w->random, 9);
		d->config.flock_dst = d->config.flock;
	}
	if (random_below(&w->random, 20) == 0)
		d->seed_id_until_ns = 0;
	switch (random_below(&w->random, 8)) {
	case 0:
		device_make_liturgy(d, &now, packet);
		break;
	case 1:
		device_make_probe(d, &now, packet);
		break;
	case 2:
		x.new_spi = (x.new_spi & 0xffff0000) | (uint16_t)random_u64(&w->random);
		assert_true(device_make_sacrament(d, &now, &x, packet));
		break;
	case 3:
	case 4:
	case 5:
		assert_true(device_make_data(d, &now, bytes, sizeof(bytes), packet));
		break;
	default:
		device_make_info(d, &now, packet);
		break;
	}
}

/* Packets of all devices in any order; a worker may get those of any. */
static struct ready *
make_packets(struct world *w)
{
	struct ready *all = calloc(PACKETS, sizeof(*all));

	assert_non_null(all);
	for (unsigned n = 0; n < PACKETS; n++) {
		unsigned device = random_below(&w->random, w->device_count), cathedral;
		struct device_packet packet;

		make_packet(w, device, &packet);
		all[n].from = w->devices[device].at;
		/* Some come from elsewhere, as behind a NAT that forgets. */
		all[n].from.port =
		    (uint16_t)(all[n].from.port + (random_below(&w->random, 10) == 0));
		assert_true(world_find_cathedral(
		    w, &packet.to, &cathedral, &all[n].listener, &all[n].nat_port));
		all[n].len = packet.len;
		memcpy(all[n].bytes, packet.bytes, packet.len);
	}
	return all;
}

static struct world *
threads_begin(uint32_t egress_mbit, uint64_t budget)
{
	struct world *w = scene_begin(2, true, MEMBERS);

	for (unsigned n = 0; n < MEMBERS; n += 2) {
		struct world_end end = { .member = n, .peer_member = n + 1, .listener = n / 2 % 2 };

		world_add_tunnel(w, &end, 0, n / 4);
	}
	for (unsigned n = 0; n < w->device_count; n++)
		w->devices[n].d.cathedrals[0].nat_port =
		    (uint16_t)(w->devices[n].d.cathedrals[0].at.port + 1);
	w->cathedrals[0].workers = WORKERS;
	w->cathedrals[0].options.offer_rate = 100000;
	w->cathedrals[0].options.egress_mbit = egress_mbit;
	w->cathedrals[0].options.flock_budget_month = budget;
	w->cathedrals[0].options.tunnels_per_device = PER_DEVICE;
	w->cathedrals[0].options.identities_per_device = PER_DEVICE;
	world_open(w);
	scene_run_s(w, 11);
	return w;
}

static void
start(struct world *w, struct job jobs[static WORKERS + 1], atomic_uint *working)
{
	struct world_cathedral *c = &w->cathedrals[0];
	size_t size = (PIPELINE_BATCH * sizeof(struct packet) + 63) & ~(size_t)63;

	for (unsigned n = 0; n <= WORKERS; n++) {
		jobs[n] = (struct job){ .pipeline = c->pipelines[n],
			.site = c->site,
			.now = world_cathedral_now(w, 0),
			.counter = { .sender = { count } },
			.working = working };
		jobs[n].room = aligned_alloc(64, size);
		assert_non_null(jobs[n].room);
		memset(jobs[n].room, 0, size);
		jobs[n].pipeline->outbox->sender = &jobs[n].counter.sender;
		if (n < WORKERS)
			jobs[n].packets = make_packets(w);
	}
	for (unsigned n = 0; n <= WORKERS; n++)
		assert_int_equal(
		    pthread_create(&jobs[n].thread, NULL, n < WORKERS ? work : scan, &jobs[n]), 0);
}

/* What the main thread does: another registry again and again, and sweeping. */
static void
change_registries(struct world *w, atomic_uint *working)
{
	struct counter counter = { .sender = { count } };
	struct world_cathedral *c = &w->cathedrals[0];
	struct world_member *m = w->flocks[0].members;

	c->pipelines[WORKERS + 1]->outbox->sender = &counter.sender;
	for (unsigned n = 0; n < 30 || atomic_load(working) > 0; n++) {
		if (n % 3 == 0)
			world_renew(w, 0, 10);
		m[n % MEMBERS].gone = !m[n % MEMBERS].gone && n % 2;
		world_touch(w, 0);
		world_publish(w, 0);
		site_sweep(c->site, world_cathedral_now(w, 0).mono_ns);
		if (c->site->budget != NULL)
			budget_tick(c->site->budget, world_cathedral_now(w, 0), NULL, NULL);
		publish_reclaim(c->site->publish);
	}
}

static uint64_t
all_verdicts(const struct stats *s)
{
	uint64_t sum = 0;

	for (unsigned v = 0; v < VERDICT_COUNT; v++)
		sum += stats_get(&s->verdicts[v]);
	return sum;
}

static void
finish(struct world *w, struct job jobs[static WORKERS + 1])
{
	const struct world_cathedral *c = &w->cathedrals[0];

	for (unsigned n = 0; n <= WORKERS; n++)
		assert_int_equal(pthread_join(jobs[n].thread, NULL), 0);
	for (unsigned n = 0; n < WORKERS; n++) {
		assert_int_equal(all_verdicts(&c->stats[n]), c->taken[n] + PACKETS);
		assert_true(stats_get(&c->stats[n].verdicts[VERDICT_RELAYED]) +
				stats_get(&c->stats[n].verdicts[VERDICT_QUEUED]) >
			    0);
		assert_true(stats_get(&c->stats[n].verdicts[VERDICT_CONSUMED]) > 0);
		assert_true(jobs[n].counter.sent > 0);
		w->cathedrals[0].taken[n] += PACKETS;
	}
	assert_int_equal(
	    all_verdicts(&c->stats[WORKERS]), stats_get(&c->stats[WORKERS].identity_found));
	assert_true(publish_reclaim(c->site->publish));
	for (unsigned n = 0; n <= WORKERS; n++) {
		free(jobs[n].packets);
		free(jobs[n].room);
		c->pipelines[n]->outbox->sender = &w->cathedrals[0].sender.sender;
	}
	c->pipelines[WORKERS + 1]->outbox->sender = &w->cathedrals[0].sender.sender;
}

static void
nothing(struct tunnel *tunnel, bool created, void *arg)
{
	(void)tunnel;
	(void)created;
	(void)arg;
}

/* Whatever went on at the same time, every place in the quotas came back. */
static void
expect_whole_quotas(struct world *w)
{
	const struct site *site = w->cathedrals[0].site;
	uint64_t now_ns = world_cathedral_now(w, 0).mono_ns + 700 * NS_PER_S;

	for (unsigned n = 0; n < 1000; n++)
		site_sweep(w->cathedrals[0].site, now_ns);
	assert_int_equal(tunnels_count(site->tunnels), 0);
	assert_int_equal(liturgies_count(site->liturgies), 0);
	assert_int_equal(identities_count(site->identities), 0);
	assert_int_equal(replay_count(site->replay), 0);
	for (unsigned n = 0; n < MEMBERS; n++) {
		for (unsigned peer = 0; peer <= PER_DEVICE; peer++) {
			struct tunnel_key key = tunnel_key(w->flocks[0].id, w->flocks[0].id,
			    tunnel_between((uint8_t)n, (uint8_t)peer));

			assert_int_equal(
			    tunnels_change(site->tunnels, &key, w->flocks[0].members[n].id, true,
				now_ns, nothing, NULL),
			    peer < PER_DEVICE ? TUNNELS_OK : TUNNELS_QUOTA);
		}
	}
}

/* What waited is sent or dropped, and no worker counts flocks that wait no more. */
static void
expect_empty_queues(struct world *w)
{
	const struct world_cathedral *c = &w->cathedrals[0];
	uint64_t queued = 0;

	for (unsigned n = 0; n < WORKERS; n++) {
		const struct stats *s = &c->stats[n];

		pipeline_settle(c->pipelines[n], world_cathedral_now(w, 0));
		queued += stats_get(&s->verdicts[VERDICT_QUEUED]);
		assert_int_equal(stats_get(&s->verdicts[VERDICT_QUEUED]),
		    stats_get(&s->waited_sent) + stats_get(&s->waited_dropped));
	}
	assert_int_equal(queued > 0, c->site->egress != NULL);
	if (c->site->egress != NULL)
		assert_int_equal(waiters_flocks(c->site->waiters), 0);
}

/* Every byte that a thread counted was added up, once; and nobody was warned too early. */
static void
expect_whole_sums(struct world *w)
{
	struct site *site = w->cathedrals[0].site;
	const struct meter *meters;
	struct budget_report host, flock;
	uint64_t sums[2] = { 0 };

	if (site->budget == NULL)
		return;
	budget_tick(site->budget, world_cathedral_now(w, 0), NULL, NULL);
	budget_report(site->budget, &host);
	assert_true(budget_report_flock(site->budget, w->flocks[0].id, &flock));
	meters = budget_flock_meters(site->budget, w->flocks[0].id);
	for (unsigned n = 0; n < WORKERS + 2; n++) {
		sums[0] += atomic_load(&budget_host_meter(site->budget, n)->sent);
		sums[1] += atomic_load(&meters[n].sent);
	}
	assert_int_equal(host.used, sums[0]);
	assert_int_equal(flock.used, sums[1]);
	assert_true(host.used > flock.used && flock.used > 0);
	assert_int_equal(flock.stage == BUDGET_FREE, flock.used < flock.limit / 100 * BUDGET_WARN);
}

static void
run_threads(uint32_t egress_mbit, uint64_t budget)
{
	struct world *w = threads_begin(egress_mbit, budget);
	struct job jobs[WORKERS + 1];
	atomic_uint working = WORKERS;

	start(w, jobs, &working);
	change_registries(w, &working);
	finish(w, jobs);
	expect_empty_queues(w);
	expect_whole_sums(w);
	expect_whole_quotas(w);
	scene_end(w);
}

static void
threads_agree(void **state)
{
	(void)state;
	run_threads(0, 0);
}

/* They share a rate that is too small for them. */
static void
threads_share(void **state)
{
	(void)state;
	run_threads(200, 0);
}

static void
threads_count(void **state)
{
	(void)state;
	run_threads(0, UINT64_C(1000000000000));
	run_threads(0, 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_agree),
		cmocka_unit_test(threads_share),
		cmocka_unit_test(threads_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
