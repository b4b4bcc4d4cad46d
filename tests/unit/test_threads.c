/* SPDX-License-Identifier: ISC */
/*
 * All threads of a cathedral at once on one site: workers, the scanner, and the main thread that
 * reloads, purges, pushes and sweeps.  What the sanitizers see is half of the test; the other half
 * is that every packet was counted and none came out damaged.
 */
#include "cathedral/relay/pipeline.h"

#include "protocol/crypto/aead.h"
#include "protocol/wire/header.h"
#include "tests/support/members.h"
#include "tests/support/seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 3
#define MEMBERS 12 /* WORKERS divides it: each worker serves the same number */
#define ROUNDS  150
#define RELOADS 100

static struct random randomness;
static const struct flock_id flock = { 0xcafe00 };
static struct member members[MEMBERS];
static struct site *site;

/* A sender that looks at what goes out, and keeps nothing. */
struct judge {
	struct sender sender;
	uint64_t sent, damaged;
	uint64_t data; /* in clear */
};

static void
judge_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct judge *j = (struct judge *)sender;

	j->sent += count;
	for (size_t n = 0; n < count; n++) {
		const struct packet *pkt = packets[n];
		struct data_header h;

		j->damaged += pkt->to.port == 0 || pkt->len < PACKET_MIN || pkt->len > PACKET_MAX;
		if (pkt->to_mask != NULL || wire_kind(pkt->head, pkt->len) != WIRE_DATA)
			continue;
		j->data++;
		j->damaged += !data_header_decode(&h, pkt->head, pkt->len) ||
			      !flock_equal(h.flock_dst, flock) || pkt->head[pkt->len - 1] != 0x77;
	}
}

static struct registry *
edition(size_t count, uint32_t generation)
{
	struct registry_flock *f = members_flock(flock, members, count);
	struct registry_parts parts = { .flocks = &f, .flock_count = 1 };
	const struct bundle_plan plan = { flock, flock, 60000, generation };
	struct fault why;
	size_t len;
	uint8_t *bundle = bundle_write(&plan, &len);
	bool ok = registry_flock_set_ambries(f, bundle, len, &why);

	free(bundle);
	return ok ? registry_create(&parts, NULL) : NULL;
}

/* ---- a worker ---- */

struct worker {
	unsigned number;
	struct random random;
	struct pipeline *pipeline;
	struct judge judge;
	struct stats stats;
	uint64_t given;
	uint64_t unexpected;
	struct device devices[MEMBERS / WORKERS][2]; /* each on both listeners, to two peers */
	struct device_packet made;
	struct packet packets[PIPELINE_BATCH];
};

static bool
may_happen(enum verdict v)
{
	switch (v) {
	case VERDICT_RELAYED:
	case VERDICT_CONSUMED:
	case VERDICT_DROP_UNKNOWN_IDENTITY:
	case VERDICT_DROP_IDENTITY_BUDGET:
	case VERDICT_DROP_NOT_ALLOWED: /* those that a reload took away */
	case VERDICT_DROP_NO_TUNNEL:
	case VERDICT_DROP_SENDER:
		return true;
	default:
		return false;
	}
}

/* Makes the packet of this kind and puts it into place n of the batch. */
static void
make(struct worker *w, size_t n, struct device *d, unsigned kind)
{
	static const uint8_t payload[300] = { [299] = 0x77 };
	struct device_moment m = { clock_now(), &w->random };
	struct packet *pkt = &w->packets[n];

	if (kind % 8 == 0)
		device_make_info(d, &m, &w->made);
	else if (kind % 8 == 1)
		device_make_liturgy(d, &m, &w->made);
	else
		device_make_data(d, &m, payload, sizeof(payload), &w->made);
	packet_reset(pkt, w->made.len);
	memcpy(pkt->head, w->made.bytes, w->made.len);
	pkt->from = endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, (uint8_t)d->config.id.value },
	    (uint16_t)(d->config.shroud ? 2000 : 1000));
	pkt->listener = d->config.shroud;
	pkt->nat_port = false;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct packet *batch[PIPELINE_BATCH];

	for (size_t n = 0; n < PIPELINE_BATCH; n++)
		batch[n] = &w->packets[n];
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t count = 0;

		for (size_t d = 0; d < MEMBERS / WORKERS; d++) {
			for (unsigned kind = 0; kind < 8; kind++)
				make(
				    w, count++, &w->devices[d][kind % 2 ^ round % 2], round + kind);
		}
		pipeline_run(w->pipeline, batch, count, clock_now());
		w->given += count;
		for (size_t n = 0; n < count; n++)
			w->unexpected += !may_happen(w->packets[n].verdict);
	}
	return NULL;
}

/* Device `number` on the listener that its second digit says, to the next device or the last. */
static void
hire(struct worker *w, unsigned number)
{
	struct device_moment m = { clock_now(), &w->random };

	w->number = number;
	random_split(&w->random, &randomness);
	w->judge.sender.send = judge_send;
	w->pipeline = pipeline_create(site, number, &w->judge.sender, &w->stats, &randomness);
	for (size_t d = 0; d < MEMBERS / WORKERS; d++) {
		unsigned at = number + (unsigned)d * WORKERS;

		for (unsigned shroud = 0; shroud < 2; shroud++) {
			/* Neighbours in a ring: the peer is another worker's. */
			unsigned peer = (shroud == at % 2 ? at + 1 : at + MEMBERS - 1) % MEMBERS;
			struct member_way way = { .from = flock,
				.to = flock,
				.peer = members[peer].number,
				.shroud = shroud == 1 };

			w->devices[d][shroud] = member_device(&members[at], &way, &m);
		}
	}
}

/* ---- the scanner ---- */

struct scanner {
	struct pipeline *pipeline;
	struct judge judge;
	struct stats stats;
	struct lookup lookup;
	struct packet packet;
	uint64_t taken;
};

static void *
scan(void *arg)
{
	struct scanner *c = arg;

	while (!lookups_stopped(site->lookups)) {
		if (!lookups_next(site->lookups, &c->lookup, 1, 10))
			continue;
		pipeline_look_up(c->pipeline, &c->lookup, 1, &c->packet, clock_now());
		c->taken++;
	}
	return NULL;
}

/* ---- the main thread's part ---- */

static void
reload_and_sweep(struct pipeline *p)
{
	for (uint32_t n = 0; n < RELOADS; n++) {
		/* The last device comes and goes. */
		struct registry *next = edition(MEMBERS - n % 2, 2 + n);

		publish_swap(site->publish, next);
		site_purge(site, NULL);
		pipeline_push_ambries(p, NULL, clock_now());
		publish_reclaim(site->publish);
		for (int part = 0; part < 10; part++)
			site_sweep(site, clock_now().mono_ns);
		(void)tunnels_count(site->tunnels);
		(void)liturgies_count(site->liturgies);
	}
}

static uint64_t
verdicts_of(const struct stats *stats)
{
	uint64_t all = 0;

	for (int v = 0; v < VERDICT_COUNT; v++)
		all += stats_get(&stats->verdicts[v]);
	return all;
}

static void
site_make(void)
{
	struct site_options options = SITE_OPTIONS_DEFAULT;

	options.listener_count = 2;
	options.listeners[0].main = endpoint_from_ipv4((uint8_t[]){ 203, 0, 113, 1 }, 4500);
	options.listeners[1].main = endpoint_from_ipv4((uint8_t[]){ 203, 0, 113, 1 }, 4600);
	options.listeners[1].shrouded = true;
	options.listeners[0].advertised = options.listeners[0].main;
	options.listeners[1].advertised = options.listeners[1].main;
	options.tunnels_max = options.liturgies_max = options.identities_max = 4096;
	options.offer_rate = 1 << 20;
	site = site_create(&options, edition(MEMBERS, 1), WORKERS + 2, &randomness);
	assert_non_null(site);
}

static void
all_threads_at_once(void **state)
{
	static struct worker workers[WORKERS];
	static struct scanner scanner;
	static struct judge judge = { .sender.send = judge_send };
	static struct stats stats;
	pthread_t threads[WORKERS], scanning;
	struct pipeline *p;
	struct stats_sum sum;

	(void)state;
	site_make();
	scanner.judge.sender.send = judge_send;
	scanner.pipeline =
	    pipeline_create(site, WORKERS, &scanner.judge.sender, &scanner.stats, &randomness);
	p = pipeline_create(site, WORKERS + 1, &judge.sender, &stats, &randomness);
	for (unsigned n = 0; n < WORKERS; n++)
		hire(&workers[n], n);

	assert_int_equal(pthread_create(&scanning, NULL, scan, &scanner), 0);
	for (unsigned n = 0; n < WORKERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, work, &workers[n]), 0);
	reload_and_sweep(p);
	for (unsigned n = 0; n < WORKERS; n++)
		pthread_join(threads[n], NULL);
	lookups_stop(site->lookups);
	pthread_join(scanning, NULL);

	memset(&sum, 0, sizeof(sum));
	for (unsigned n = 0; n < WORKERS; n++) {
		assert_int_equal(workers[n].unexpected, 0);
		assert_int_equal(workers[n].judge.damaged, 0);
		assert_int_equal(verdicts_of(&workers[n].stats), workers[n].given);
		stats_sum_add(&sum, &workers[n].stats);
	}
	assert_int_equal(scanner.judge.damaged + judge.damaged, 0);
	assert_true(sum.verdicts[VERDICT_RELAYED] > 0);
	assert_true(sum.verdicts[VERDICT_CONSUMED] > 0);
	assert_true(workers[0].judge.data > 0);
	print_message("# relayed %lu, consumed %lu, looked up %lu, pushed %lu\n",
	    (unsigned long)sum.verdicts[VERDICT_RELAYED],
	    (unsigned long)sum.verdicts[VERDICT_CONSUMED], (unsigned long)scanner.taken,
	    (unsigned long)judge.sent);

	for (unsigned n = 0; n < WORKERS; n++)
		pipeline_destroy(workers[n].pipeline);
	pipeline_destroy(scanner.pipeline);
	pipeline_destroy(p);
	assert_true(publish_reclaim(site->publish));
	site_destroy(site);
}

/* ---- one seed, many threads: exactly one of them is first ---- */

#define RACERS 4
#define SEEDS  20000

static struct replay *shared_replay;
static struct replay_mark marks[SEEDS];

static void *
race(void *arg)
{
	uint64_t *won = arg;

	for (size_t n = 0; n < SEEDS; n++) {
		if (replay_seen(shared_replay, &marks[n], NS_PER_S))
			continue;
		*won += replay_admit(shared_replay, &marks[n], NS_PER_S) == REPLAY_NEW;
	}
	return NULL;
}

static void
of_many_repeats_one_is_new(void **state)
{
	uint64_t won[RACERS] = { 0 }, all = 0;
	pthread_t threads[RACERS];

	(void)state;
	shared_replay = replay_create(SEEDS * 2, &randomness);
	random_bytes(&randomness, marks, sizeof(marks));
	for (int n = 0; n < RACERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, race, &won[n]), 0);
	for (int n = 0; n < RACERS; n++) {
		pthread_join(threads[n], NULL);
		all += won[n];
	}
	assert_int_equal(all, SEEDS);
	replay_destroy(shared_replay);
}

/* ---- one cap, many threads: together they get what the cap allows, to the byte ---- */

static struct tunnels *shared_tunnels;
static const struct tunnel_key capped = { { 0xcafe00 }, { 0xcafe00 }, 0x0102, { 0 } };

static void
listen_to(struct tunnel *t, bool created, void *arg)
{
	(void)created;
	t->rx_active = *(uint32_t *)arg;
}

static void *
drain(void *arg)
{
	uint64_t *bytes = arg;
	struct tunnel_route route;

	for (int n = 0; n < 50000; n++) {
		if (tunnels_route(shared_tunnels, &capped, (struct device_id){ 1 }, 7, 8, 100,
			NS_PER_S, &route) == ROUTE_OK)
			*bytes += 100;
	}
	return NULL;
}

static void
a_cap_is_one_for_all_threads(void **state)
{
	uint64_t bytes[RACERS] = { 0 }, all = 0;
	pthread_t threads[RACERS];
	uint32_t spi = 7;

	(void)state;
	shared_tunnels = tunnels_create(100, 10, &randomness);
	assert_int_equal(tunnels_change(shared_tunnels, &capped, (struct device_id){ 1 }, true,
			     NS_PER_S, listen_to, &spi),
	    TUNNELS_OK);
	for (int n = 0; n < RACERS; n++)
		assert_int_equal(pthread_create(&threads[n], NULL, drain, &bytes[n]), 0);
	for (int n = 0; n < RACERS; n++) {
		pthread_join(threads[n], NULL);
		all += bytes[n];
	}
	assert_int_equal(all, 8 * 125000);
	tunnels_destroy(shared_tunnels);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads_at_once),
		cmocka_unit_test(of_many_repeats_one_is_new),
		cmocka_unit_test(a_cap_is_one_for_all_threads),
	};

	random_for_test(&randomness);
	if (!aead_init())
		return EXIT_FAILURE;
	for (unsigned n = 0; n < MEMBERS; n++)
		members[n] = member_make(n + 1, (uint8_t)(n + 1), 0, &randomness);
	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
