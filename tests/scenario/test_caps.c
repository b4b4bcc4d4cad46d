/* SPDX-License-Identifier: ISC */
/* Mbit/s: what passes over ten seconds is what is allowed, to the last packet. */
#include "tests/support/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS      10
#define BYTES_PER_MB UINT64_C(125000) /* a second at 1 Mbit/s */
#define LARGEST      1500
#define SMALLEST     PACKET_MIN
#define SIZES        8

/* In the place of sockets: counts what goes to either end. */
struct passage {
	struct sender sender;
	struct endpoint ends[2];
	uint64_t bytes[2], packets[2];
	uint64_t others;
};

static void
passage_send(struct sender *sender, struct packet *const *packets, size_t count)
{
	struct passage *m = (struct passage *)(void *)sender;

	for (size_t n = 0; n < count; n++) {
		unsigned end = 0;

		while (end < 2 && !endpoint_equal(&packets[n]->to, &m->ends[end]))
			end++;
		if (end == 2) {
			m->others++;
			continue;
		}
		m->bytes[end] += packets[n]->len;
		m->packets[end]++;
	}
}

/* Packets of several sizes from one end to the other, to be sent over and over. */
struct load {
	unsigned from;
	struct device_packet packets[SIZES];
	size_t next;
	uint64_t offered;
};

static struct load
load_from(struct world *w, unsigned device)
{
	static const uint8_t nothing[LARGEST];
	struct device_moment now = world_moment(w);
	struct load l = { .from = device };

	for (size_t n = 0; n < SIZES; n++) {
		size_t len = SMALLEST + (LARGEST - SMALLEST) * n / (SIZES - 1) - DATA_HEADER_SIZE;

		/* Mostly large ones, as a transfer has them. */
		if (n > 1 && n < SIZES - 2)
			len = LARGEST - DATA_HEADER_SIZE - n;
		assert_true(
		    device_make_data(&w->devices[device].d, &now, nothing, len, &l.packets[n]));
	}
	return l;
}

/* One batch of the load through the pipeline. */
static void
push(struct world *w, struct load *l)
{
	struct packet *packets[PIPELINE_BATCH];
	struct instant now = world_cathedral_now(w, 0);

	for (size_t n = 0; n < PIPELINE_BATCH; n++) {
		const struct device_packet *from = &l->packets[l->next++ % SIZES];
		struct packet *pkt = packets[n] = &w->room[n];

		packet_reset(pkt, from->len);
		memcpy(pkt->head, from->bytes, from->len);
		pkt->from = w->devices[l->from].at;
		pkt->listener = 0;
		pkt->nat_port = false;
		l->offered += from->len;
	}
	w->cathedrals[0].taken[0] += PIPELINE_BATCH;
	pipeline_run(w->cathedrals[0].pipelines[0], packets, PIPELINE_BATCH, now);
}

static struct passage
passage_of(struct world *w, unsigned device)
{
	return (struct passage){
		.sender = { passage_send },
		.ends = { w->devices[device].at, w->devices[device + 1].at },
	};
}

/* mbit over so long a time, with a full bucket at its beginning. */
static uint64_t
allowed(uint32_t mbit, uint64_t ns)
{
	return BYTES_PER_MB * mbit + (uint64_t)((__uint128_t)mbit * ns / 8000);
}

static void
expect_exact(const struct passage *m, unsigned end, uint64_t limit)
{
	if (m->bytes[end] > limit || m->bytes[end] + LARGEST < limit)
		fail_msg("%lu bytes passed where %lu may", (unsigned long)m->bytes[end],
		    (unsigned long)limit);
}

/* Loads both ways a little over the cap: a whole burst first, then 64 packets at a time. */
static void
run_loads(struct world *w, struct load loads[static 2], const uint32_t mbit[static 2])
{
	uint64_t begin_ns = w->now_ns, end_ns = begin_ns + SECONDS * NS_PER_S;
	uint32_t top = mbit[0] > mbit[1] ? mbit[0] : mbit[1];
	uint64_t steps = (BYTES_PER_MB * top * SECONDS / (PIPELINE_BATCH * 1000)) + 100;

	for (uint64_t step = 0; step <= steps; step++) {
		w->now_ns = begin_ns + (uint64_t)((__uint128_t)(end_ns - begin_ns) * step / steps);
		for (unsigned n = 0; n < 2; n++) {
			uint64_t so_far = allowed(mbit[1 - n], w->now_ns - begin_ns);

			push(w, &loads[n]);
			while (mbit[1 - n] != 0 && loads[n].offered < so_far + so_far / 20)
				push(w, &loads[n]);
		}
	}
}

/* mbit: what either member's line says; it counts for what that member receives. */
static void
measure(const uint32_t mbit[static 2])
{
	struct world *w = scene_begin(1, false, 2);
	struct pipeline *p;
	struct passage m;
	struct load loads[2];
	struct sender *real;
	unsigned a;

	w->flocks[0].members[0].mbit = mbit[0];
	w->flocks[0].members[1].mbit = mbit[1];
	a = scene_tunnel(w, 0, 1, 0, 0);
	world_open(w);
	scene_run_s(w, 2);
	m = passage_of(w, a);
	p = w->cathedrals[0].pipelines[0];
	real = p->outbox->sender;
	p->outbox->sender = &m.sender;
	for (unsigned n = 0; n < 2; n++)
		loads[n] = load_from(w, a + n);

	run_loads(w, loads, mbit);
	p->outbox->sender = real;
	for (unsigned n = 0; n < 2; n++) {
		if (mbit[n] == 0)
			assert_int_equal(m.bytes[n], loads[1 - n].offered);
		else
			expect_exact(&m, n, allowed(mbit[n], SECONDS * NS_PER_S));
	}
	assert_int_equal(m.others, 0);
	assert_int_equal(world_stats(w, 0).relayed_bytes, m.bytes[0] + m.bytes[1]);
	scene_end(w);
}

static void
every_value_is_exact(void **state)
{
	static const uint32_t values[][2] = { { 1, 7 }, { 8, 25 }, { 25, 1 }, { 100, 7 },
		{ 1000, 1000 }, { 0, 8 } };

	(void)state;
	for (size_t n = 0; n < sizeof(values) / sizeof(values[0]); n++)
		measure(values[n]);
}

/* After a rest of any length there is one second's worth, not more. */
static void
bursts_last_a_second(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	struct pipeline *p;
	struct passage m;
	struct load load;
	struct sender *real;
	unsigned a;

	(void)state;
	w->flocks[0].members[1].mbit = 8;
	a = scene_tunnel(w, 0, 1, 0, 0);
	world_open(w);
	for (unsigned n = 1; n < 30; n += 7) {
		scene_run_s(w, n);
		m = passage_of(w, a);
		p = w->cathedrals[0].pipelines[0];
		real = p->outbox->sender;
		p->outbox->sender = &m.sender;
		load = load_from(w, a);
		while (load.offered < 3 * 8 * BYTES_PER_MB)
			push(w, &load);
		p->outbox->sender = real;
		expect_exact(&m, 1, 8 * BYTES_PER_MB);
	}
	scene_end(w);
}

/* The rest is done through the world: bytes of payload that arrive, in 10 s and a burst. */
static uint64_t
arrive_in_ten_seconds(struct world *w, unsigned from, size_t len, uint64_t every_ns)
{
	size_t first = w->data_count;
	uint64_t end_ns = w->now_ns + SECONDS * NS_PER_S, arrived = 0;

	while (w->now_ns <= end_ns) {
		world_send_data(w, from, len);
		world_run(w, every_ns);
	}
	scene_run_s(w, 0.1);
	for (size_t n = first; n < w->data_count; n++)
		arrived += world_arrived(w, n);
	return arrived * (len + DATA_HEADER_SIZE);
}

/* Packets count without shroud, at both cathedrals of a way; infos meanwhile change nothing. */
static void
caps_hold_on_every_way(void **state)
{
	(void)state;
	for (unsigned cathedrals = 1; cathedrals <= 2; cathedrals++) {
		for (unsigned shrouded = 0; shrouded < 2; shrouded++) {
			struct world *w = scene_begin(cathedrals, shrouded, 2);
			unsigned a = scene_tunnel(w, 0, 1, 0, cathedrals - 1);
			uint64_t limit = allowed(2, SECONDS * NS_PER_S), got;

			w->flocks[0].members[1].mbit = 2;
			for (unsigned n = a; n < a + 2; n++)
				w->devices[n].d.config.info_ns = NS_PER_S;
			world_open(w);
			scene_run_s(w, 5.5);
			got = arrive_in_ten_seconds(w, a, 968, 2 * NS_PER_MS);
			assert_true(got <= limit + 1000 && got + 2000 >= limit);
			/* Where a packet enters is where it is dropped. */
			assert_true(world_verdicts(w, 0, VERDICT_DROP_CAP) > 1000);
			if (cathedrals == 2)
				assert_true(world_verdicts(w, 1, VERDICT_DROP_CAP) <= 1);
			scene_end(w);
		}
	}
}

/* Another line in the registry counts from the next packet on. */
static void
caps_change(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint64_t got;

	(void)state;
	w->flocks[0].members[1].mbit = 100;
	world_open(w);
	scene_run_s(w, 2);
	scene_expect_talk(w, a);
	w->flocks[0].members[1].mbit = 1;
	world_touch(w, 0);
	world_publish(w, 0);
	got = arrive_in_ten_seconds(w, a, 968, 4 * NS_PER_MS);
	assert_true(got <= allowed(1, SECONDS * NS_PER_S) + 1000);
	assert_true(got + 2000 >= allowed(1, SECONDS * NS_PER_S));
	w->flocks[0].members[1].mbit = 0;
	world_touch(w, 0);
	world_publish(w, 0);
	got = arrive_in_ten_seconds(w, a, 968, 4 * NS_PER_MS);
	assert_int_equal(got, 2501 * 1000);
	scene_end(w);
}

/* Key exchanges are not counted, however empty the bucket is. */
static void
exchanges_are_free(void **state)
{
	struct world *w = scene_begin(1, false, 2);
	unsigned a = scene_tunnel(w, 0, 1, 0, 0);
	uint8_t body[500] = { 0 };
	struct device_exchange x = { .body = body, .len = sizeof(body) };
	struct device_packet packet;

	(void)state;
	w->flocks[0].members[1].mbit = 1;
	world_open(w);
	scene_run_s(w, 2);
	for (unsigned n = 0; n < 200; n++)
		world_send_data(w, a, 1000);
	for (unsigned n = 0; n < 200; n++) {
		struct device_moment now = world_moment(w);

		x.new_spi = w->devices[a].d.rx_active;
		assert_true(device_make_sacrament(&w->devices[a].d, &now, &x, &packet));
		world_send(w, a, &packet);
	}
	scene_run_s(w, 0.1);
	assert_true(world_verdicts(w, 0, VERDICT_DROP_CAP) > 0);
	assert_int_equal(w->devices[a + 1].events[DEVICE_SACRAMENT], 200);
	scene_end(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_is_exact),
		cmocka_unit_test(bursts_last_a_second),
		cmocka_unit_test(caps_hold_on_every_way),
		cmocka_unit_test(caps_change),
		cmocka_unit_test(exchanges_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
