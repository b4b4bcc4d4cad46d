/* SPDX-License-Identifier: ISC */
/*
 * A cathedral with a rate of its own, in virtual time: what each flock gets of it, how late, from
 * one worker and from two, while somebody sends ten times as much.
 */
#include "protocol/wire/header.h"
#include "tests/support/crowd.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLOCKS  51
#define WORKERS 2
#define STEP_NS (NS_PER_MS / 4)
#define LEN_MIN 64
#define LEN_MAX 1373
#define MBIT    20

/* What is inside of a packet, behind its header. */
struct note {
	uint32_t flock, serial;
	uint64_t sent_ns;
};

/* Under masks packets are made once: each of them shows an identity of its own. */
#define MADE 8

struct made {
	size_t len, inside;
	uint8_t bytes[PACKET_MAX];
};

struct hall;

/* In the place of a worker's sockets. */
struct gate {
	struct sender sender;
	struct hall *hall;
};

struct hall {
	struct site *site;
	struct pipeline *pipelines[WORKERS];
	struct stats *stats;
	struct gate gates[WORKERS];
	struct crowd_batch *batch;
	struct instant now;
	unsigned workers;
	uint64_t line; /* bytes with headers, of all that went out */

	/* Of each flock: what it sends (kbit/s), how, and what became of it. */
	uint32_t kbit[FLOCKS];
	unsigned worker[FLOCKS];
	uint8_t listener[FLOCKS];
	bool both[FLOCKS]; /* a tunnel at either worker: at one in clear, at the other shrouded */
	struct made made[FLOCKS][MADE];
	double due[FLOCKS];
	uint32_t sent[FLOCKS], seen[FLOCKS];
	uint64_t offered[FLOCKS], bytes[FLOCKS], worst_ns[FLOCKS];
};

static struct random randomness;

static const struct crowd_places places = {
	{ { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 }, 1000 },
	{ { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2 }, 1000 },
	true,
};

/* Nothing overtakes in a tunnel; what is shrouded cannot be looked into, and is only counted. */
static void
gate_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct hall *h = ((struct gate *)(void *)sender)->hall;

	for (size_t n = 0; n < count; n++) {
		size_t flock = (size_t)packets[n]->to.ip[14] << 8 | packets[n]->to.ip[15];
		struct note note;

		assert_true(flock < FLOCKS);
		h->line += packets[n]->len + EGRESS_HEADERS;
		h->bytes[flock] += packets[n]->len;
		assert_true(h->both[flock] || packets[n]->to_listener == h->listener[flock]);
		if (packets[n]->to_mask != NULL)
			continue;
		memcpy(&note, packets[n]->head + DATA_HEADER_SIZE, sizeof(note));
		assert_int_equal(note.flock, flock);
		assert_true(note.serial > h->seen[flock]);
		h->seen[flock] = note.serial;
		if (h->now.mono_ns - note.sent_ns > h->worst_ns[flock])
			h->worst_ns[flock] = h->now.mono_ns - note.sent_ns;
	}
}

static struct hall *
hall_open(uint32_t mbit, unsigned workers)
{
	struct hall *h = calloc(1, sizeof(*h));
	struct site_options options = SITE_OPTIONS_DEFAULT;

	assert_non_null(h);
	options.listener_count = 2;
	options.listeners[1].shrouded = true;
	options.mtu = 0; /* no padding */
	options.egress_mbit = mbit;
	h->workers = workers;
	h->now = (struct instant){ 1000 * NS_PER_S, 1790000000 };
	h->batch = crowd_batch_create();
	h->site =
	    site_create(&options, crowd_registry(FLOCKS, 2, &randomness), workers, &randomness);
	h->stats = aligned_alloc(_Alignof(struct stats), workers * sizeof(*h->stats));
	assert_non_null(h->site);
	assert_non_null(h->stats);
	memset(h->stats, 0, workers * sizeof(*h->stats));
	for (unsigned n = 0; n < workers; n++) {
		h->gates[n] = (struct gate){ { gate_send }, h };
		h->pipelines[n] =
		    pipeline_create(h->site, n, &h->gates[n].sender, &h->stats[n], &randomness);
		assert_non_null(h->pipelines[n]);
		assert_true(pipeline_take_turns(h->pipelines[n], &randomness));
	}
	for (size_t f = 0; f < FLOCKS; f++)
		h->worker[f] = (unsigned)f % workers;
	crowd_meet(h->site, FLOCKS, &places, h->now.mono_ns);
	return h;
}

static void
hall_close(struct hall *h)
{
	for (unsigned n = 0; n < h->workers; n++)
		pipeline_destroy(h->pipelines[n]);
	site_destroy(h->site);
	free(h->stats);
	free(h->batch);
	free(h);
}

static uint64_t
hall_count(const struct hall *h, size_t offset)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < h->workers; n++)
		sum += stats_get(
		    (const _Atomic uint64_t *)(const void *)((const char *)&h->stats[n] + offset));
	return sum;
}

#define COUNT(h, field) hall_count(h, offsetof(struct stats, field))

static size_t
any_len(void)
{
	return LEN_MIN + random_below(&randomness, LEN_MAX - LEN_MIN + 1);
}

/* Returns its length without a shroud. */
static size_t
fill_clear(struct hall *h, size_t flock, struct packet *pkt)
{
	const struct crowd_packet what = { flock, 0, any_len() };
	const struct note note = { (uint32_t)flock, ++h->sent[flock], h->now.mono_ns };

	pkt->len = crowd_packet(pkt->head, &what, h->site, h->now, &randomness);
	memcpy(pkt->head + DATA_HEADER_SIZE, &note, sizeof(note));
	return pkt->len;
}

static size_t
fill_shrouded(struct hall *h, size_t flock, struct packet *pkt)
{
	struct made *made = &h->made[flock][h->sent[flock]++ % MADE];
	const struct crowd_packet what = { flock, 1, any_len() };

	if (made->len == 0) {
		made->len = crowd_packet(made->bytes, &what, h->site, h->now, &randomness);
		made->inside = what.len;
	}
	memcpy(pkt->head, made->bytes, made->len);
	pkt->len = made->len;
	return made->inside;
}

static size_t
send_one(struct hall *h, size_t flock)
{
	struct packet *pkt = h->batch->at[0];
	size_t len;

	if (h->both[flock])
		h->worker[flock] = h->listener[flock] = !h->listener[flock];
	packet_reset(pkt, 0);
	pkt->from = places.first;
	pkt->listener = h->listener[flock];
	pkt->nat_port = false;
	len = h->listener[flock] == 0 ? fill_clear(h, flock, pkt) : fill_shrouded(h, flock, pkt);
	h->offered[flock] += len;
	pipeline_run(h->pipelines[h->worker[flock]], h->batch->at, 1, h->now);
	assert_true(pkt->verdict == VERDICT_RELAYED || pkt->verdict == VERDICT_QUEUED);
	return len;
}

/* A step of every sender; those of one worker's come between those of another's. */
static void
step(struct hall *h)
{
	h->now.mono_ns += STEP_NS;
	for (size_t f = 0; f < FLOCKS; f++) {
		h->due[f] += (double)h->kbit[f] * STEP_NS / 8e6;
		while (h->due[f] > 0)
			h->due[f] -= (double)send_one(h, f);
	}
	for (unsigned n = 0; n < h->workers; n++) {
		if (pipeline_due_ns(h->pipelines[n]) <= h->now.mono_ns)
			pipeline_tick(h->pipelines[n], h->now);
	}
}

static void
run_s(struct hall *h, double seconds)
{
	for (double t = 0; t < seconds * 1e9; t += (double)STEP_NS)
		step(h);
}

/* After that everything counts from nothing. */
static void
begin(struct hall *h)
{
	run_s(h, 0.3);
	h->line = 0;
	memset(h->bytes, 0, sizeof(h->bytes));
	memset(h->offered, 0, sizeof(h->offered));
	memset(h->worst_ns, 0, sizeof(h->worst_ns));
}

static double
jain(const struct hall *h, size_t first, size_t count)
{
	double sum = 0, squares = 0;

	for (size_t f = first; f < first + count; f++) {
		sum += (double)h->bytes[f];
		squares += (double)h->bytes[f] * (double)h->bytes[f];
	}
	return sum * sum / ((double)count * squares);
}

/* Everybody sends so much; the last one ten times that. */
static void
everybody_sends(struct hall *h, uint32_t kbit)
{
	for (size_t f = 0; f < FLOCKS; f++)
		h->kbit[f] = f == FLOCKS - 1 ? 10 * kbit : kbit;
}

static void
expect_rate(const struct hall *h, double seconds)
{
	double mbit = (double)h->line * 8 / seconds / 1e6;

	if (mbit > MBIT * 1.005 || mbit < MBIT * 0.99)
		fail_msg("%.3f Mbit/s of %d", mbit, MBIT);
}

/* Nothing that waited is forgotten, nor counted twice. */
static void
expect_sums(struct hall *h)
{
	for (unsigned n = 0; n < h->workers; n++)
		pipeline_settle(h->pipelines[n], h->now);
	for (unsigned n = 0; n < h->workers; n++)
		assert_true(pipeline_due_ns(h->pipelines[n]) == UINT64_MAX);
	assert_int_equal(
	    COUNT(h, verdicts[VERDICT_QUEUED]), COUNT(h, waited_sent) + COUNT(h, waited_dropped));
	assert_int_equal(waiters_flocks(h->site->waiters), 0);
}

static void
the_rate_is_shared(void **state)
{
	struct hall *h = hall_open(MBIT, 1);

	(void)state;
	everybody_sends(h, 700);
	begin(h);
	run_s(h, 4);
	expect_rate(h, 4);
	printf("# 50 flocks against one of ten times as much, one worker: Jain %.5f\n",
	    jain(h, 0, FLOCKS));
	assert_true(jain(h, 0, FLOCKS) >= 0.99);
	expect_sums(h);
	hall_close(h);
}

/* in_first: so many of the flocks are the first worker's. */
static void
share_by_two(size_t in_first, double least)
{
	struct hall *h = hall_open(MBIT, 2);

	everybody_sends(h, 700);
	for (size_t f = 0; f < FLOCKS; f++)
		h->worker[f] = f < in_first ? 0 : 1;
	begin(h);
	run_s(h, 4);
	expect_rate(h, 4);
	printf("# the same by two workers, %zu flocks at one of them: Jain %.5f\n", in_first,
	    jain(h, 0, FLOCKS));
	assert_true(jain(h, 0, FLOCKS) >= least);
	expect_sums(h);
	hall_close(h);
}

static void
two_workers_share(void **state)
{
	(void)state;
	share_by_two(25, 0.99);
	share_by_two(10, 0.99);
	share_by_two(50, 0.99);
}

/* Who has tunnels at two workers has one part, in two halves; so many of the flocks have. */
static void
share_at_both(size_t spread)
{
	struct hall *h = hall_open(MBIT, 2);
	double at_both = 0, others = 0;

	everybody_sends(h, 1400);
	for (size_t f = 0; f < spread; f++)
		h->both[f] = true;
	begin(h);
	run_s(h, 4);
	expect_rate(h, 4);
	for (size_t f = 0; f < FLOCKS; f++)
		*(f < spread ? &at_both : &others) += (double)h->bytes[f];
	printf("# %zu flocks with tunnels at both workers get %.3f times as much as others: Jain "
	       "%.5f\n",
	    spread, at_both / (double)spread / (others / (double)(FLOCKS - spread)),
	    jain(h, 0, FLOCKS));
	assert_true(jain(h, 0, FLOCKS) >= 0.99);
	expect_sums(h);
	hall_close(h);
}

static void
a_flock_at_both_workers_counts_once(void **state)
{
	(void)state;
	share_at_both(1);
	share_at_both(20);
	share_at_both(50);
}

/* Under masks as in clear, with what the masks take. */
static void
shrouds_share(void **state)
{
	struct hall *h = hall_open(MBIT, 1);

	(void)state;
	everybody_sends(h, 700);
	for (size_t f = 0; f < FLOCKS; f++)
		h->listener[f] = f % 2;
	begin(h);
	run_s(h, 4);
	expect_rate(h, 4);
	assert_true(jain(h, 0, FLOCKS) >= 0.99);
	expect_sums(h);
	hall_close(h);
}

/* Those that send less than their part lose nothing, and wait no longer than a round. */
static void
modest_flocks_hardly_wait(void **state)
{
	struct hall *h = hall_open(MBIT, 1);
	uint64_t worst_ns = 0;

	(void)state;
	everybody_sends(h, 250);
	h->kbit[FLOCKS - 1] = 30000;
	begin(h);
	run_s(h, 4);
	for (size_t f = 0; f < FLOCKS - 1; f++) {
		assert_true(h->bytes[f] + 4 * LEN_MAX >= h->offered[f]);
		if (h->worst_ns[f] > worst_ns)
			worst_ns = h->worst_ns[f];
	}
	printf("# modest flocks beside a flood of 1.5 times the rate wait at most %.1f ms, it %.1f "
	       "ms\n",
	    (double)worst_ns / 1e6, (double)h->worst_ns[FLOCKS - 1] / 1e6);
	assert_true(worst_ns < 35 * NS_PER_MS);
	assert_true(h->bytes[FLOCKS - 1] < h->offered[FLOCKS - 1] / 2);
	expect_rate(h, 4);
	expect_sums(h);
	hall_close(h);
}

/* What one does not use is the others', at once and wherever they are. */
static void
nothing_is_left_lying(void **state)
{
	struct hall *h = hall_open(MBIT, 2);

	(void)state;
	h->kbit[0] = 30000;
	begin(h);
	run_s(h, 2);
	expect_rate(h, 2);
	h->kbit[1] = 30000;
	run_s(h, 0.1);
	begin(h);
	run_s(h, 2);
	expect_rate(h, 2);
	assert_true(jain(h, 0, 2) >= 0.99);
	h->kbit[0] = 0;
	begin(h);
	run_s(h, 2);
	expect_rate(h, 2);
	expect_sums(h);
	hall_close(h);
}

/* Below the rate nothing waits; without one nothing is ever looked at. */
static void
below_the_rate_nothing_waits(void **state)
{
	(void)state;
	for (unsigned limited = 0; limited < 2; limited++) {
		struct hall *h = hall_open(limited ? 1000 : 0, 1);

		everybody_sends(h, limited ? 300 : 3000);
		run_s(h, 1);
		assert_int_equal(COUNT(h, verdicts[VERDICT_QUEUED]), 0);
		for (size_t f = 0; f < FLOCKS; f++)
			assert_int_equal(h->bytes[f], h->offered[f]);
		assert_true(limited == (h->site->egress != NULL));
		hall_close(h);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_shared),
		cmocka_unit_test(two_workers_share),
		cmocka_unit_test(a_flock_at_both_workers_counts_once),
		cmocka_unit_test(shrouds_share),
		cmocka_unit_test(modest_flocks_hardly_wait),
		cmocka_unit_test(nothing_is_left_lying),
		cmocka_unit_test(below_the_rate_nothing_waits),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
