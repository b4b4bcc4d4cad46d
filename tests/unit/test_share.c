/* SPDX-License-Identifier: ISC */
#include "cathedral/relay/share.h"

#include "cathedral/relay/ranks.h"
#include "protocol/wire/kind.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADERS   48
#define FLOCKS    51
#define TUNNELS   8
#define PORTS     (FLOCKS * TUNNELS)
#define LEN_MIN   64
#define LEN_MAX   1373
#define ROOM      625000 /* 50 ms at 100 Mbit/s */
#define MEAN_COST ((LEN_MIN + LEN_MAX) / 2 + HEADERS)

static struct random randomness;

/* What went in and came out of each tunnel, by its number. */
struct book {
	struct share *share;
	uint64_t put, taken, dropped;
	uint64_t put_bytes, taken_bytes;
	uint32_t serial[PORTS], seen[PORTS];
	uint64_t bytes[PORTS];
	uint64_t worst[PORTS]; /* the longest wait, in bytes that went before */
	uint64_t line;         /* bytes that went, with headers */
};

struct mark {
	uint32_t tunnel, serial;
	uint64_t line;
};

static struct book *
book_open(size_t room)
{
	struct book *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->share = share_create(room, hash_key_new(&randomness), NULL, 0);
	assert_non_null(b->share);
	return b;
}

static void
book_close(struct book *b)
{
	share_destroy(b->share);
	free(b);
}

static struct parcel
parcel_of(uint32_t tunnel, size_t len)
{
	uint64_t flock = (uint64_t)(tunnel / TUNNELS + 1) << 8;

	return (struct parcel){
		/* Another domain of the same flock in every tunnel. */
		.key = { { 0x7700 }, { flock | tunnel % TUNNELS }, (uint16_t)tunnel, { 0 } },
		.len = (uint16_t)len,
		.cost = (uint16_t)(len + HEADERS),
	};
}

static uint8_t
fill_of(const struct mark *m)
{
	return (uint8_t)(m->tunnel * 31 + m->serial);
}

static void
book_put(struct book *b, uint32_t tunnel, size_t len)
{
	const struct parcel p = parcel_of(tunnel, len);
	const struct mark m = { tunnel, ++b->serial[tunnel], b->line };
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	memset(bytes, fill_of(&m), len);
	memcpy(bytes, &m, sizeof(m));
	b->dropped += share_put(b->share, &p, bytes);
	b->put++;
	b->put_bytes += len;
	free(bytes);
}

/* Whole, of its tunnel, and after all that went before. */
static size_t
book_take(struct book *b)
{
	uint8_t bytes[PACKET_MAX];
	struct parcel p;
	struct mark m;

	if (!share_take(b->share, &p, bytes))
		return 0;
	memcpy(&m, bytes, sizeof(m));
	assert_true(m.tunnel < PORTS);
	assert_int_equal(p.key.id, m.tunnel);
	assert_true(m.serial > b->seen[m.tunnel]);
	for (size_t n = sizeof(m); n < p.len; n++)
		assert_int_equal(bytes[n], fill_of(&m));
	b->seen[m.tunnel] = m.serial;
	if (b->line - m.line > b->worst[m.tunnel])
		b->worst[m.tunnel] = b->line - m.line;
	b->line += p.cost;
	b->taken++;
	b->taken_bytes += p.len;
	b->bytes[m.tunnel] += p.len;
	return p.len;
}

static size_t
any_len(void)
{
	return LEN_MIN + random_below(&randomness, LEN_MAX - LEN_MIN + 1);
}

/* 1 when all have the same, 1 / count when one has all. */
static double
jain(const uint64_t *values, size_t count)
{
	double sum = 0, squares = 0;

	for (size_t n = 0; n < count; n++) {
		sum += (double)values[n];
		squares += (double)values[n] * (double)values[n];
	}
	return sum * sum / ((double)count * squares);
}

static void
ranks_grow(void **state)
{
	unsigned last = 0;

	(void)state;
	for (uint32_t n = 1; n <= RANKS_TOP; n++) {
		assert_true(rank_of(n) == last || rank_of(n) == last + 1);
		last = rank_of(n);
	}
	assert_true(last < RANKS);
	assert_int_equal(rank_top(1), 0);
	assert_int_equal(rank_top(UINT64_C(1) << 63 | 5), 63);
}

static void
nothing_is_nothing(void **state)
{
	struct book *b = book_open(SHARE_ROOM_MIN);

	(void)state;
	assert_int_equal(book_take(b), 0);
	assert_int_equal(share_waiting(b->share), 0);
	assert_int_equal(share_flocks(b->share), 0);
	book_close(b);
	share_destroy(NULL);
}

/* Whatever happens: order, contents, counts, and no flock with more than half of the room. */
static void
nothing_is_lost_uncounted(void **state)
{
	struct book *b = book_open(100000);

	(void)state;
	for (unsigned n = 0; n < 200000; n++) {
		uint32_t busy = random_below(&randomness, 3) == 0 ? PORTS : 20;

		if (random_below(&randomness, 100) < (n / 10000 % 2 == 0 ? 70 : 35))
			book_put(b, random_below(&randomness, busy),
			    n % 1000 == 0 ? PACKET_MAX : any_len());
		else
			book_take(b);
		assert_int_equal(b->put, b->taken + b->dropped + share_waiting(b->share));
		assert_int_equal(share_flocks(b->share) == 0, share_waiting(b->share) == 0);
	}
	assert_true(b->dropped > 1000);
	while (book_take(b) > 0)
		;
	assert_int_equal(b->put, b->taken + b->dropped);
	assert_int_equal(share_flocks(b->share), 0);
	book_close(b);
}

/* The room is what was asked for, and one flock has half of it. */
static void
room_is_bounded(void **state)
{
	struct book *b = book_open(ROOM);
	size_t most = 0;

	(void)state;
	for (unsigned n = 0; n < 3000; n++)
		book_put(b, 3, 1000);
	assert_true(share_waiting(b->share) * 1000 <= ROOM / 2);
	assert_true(share_waiting(b->share) * 1000 >= ROOM / 2 * 7 / 10);
	for (unsigned n = 0; n < 30000; n++)
		book_put(b, random_below(&randomness, PORTS), LEN_MIN);
	most = share_waiting(b->share);
	assert_true(most * LEN_MIN <= ROOM);
	/* A small packet takes a cell, as the parcels of many would. */
	assert_true(most >= ROOM / 256 / 2);
	book_close(b);
}

/* Whoever has little waiting loses nothing, whatever the others have. */
static void
the_longest_loses(void **state)
{
	struct book *b = book_open(ROOM);

	(void)state;
	for (unsigned n = 0; n < 5000; n++) {
		book_put(b, TUNNELS * (n % 3), 1373);
		if (n % 50 == 0 && n < 2500)
			book_put(b, 10 * TUNNELS + n / 50 % TUNNELS, 500);
	}
	while (book_take(b) > 0)
		;
	assert_true(b->dropped > 4000);
	for (uint32_t n = 0; n < TUNNELS; n++)
		assert_int_equal(b->seen[10 * TUNNELS + n], b->serial[10 * TUNNELS + n]);
	for (uint32_t n = 0, got = 0; n < TUNNELS; n++) {
		got += (uint32_t)b->bytes[10 * TUNNELS + n] / 500;
		if (n == TUNNELS - 1)
			assert_int_equal(got, 50);
	}
	book_close(b);
}

struct contest {
	uint32_t count;  /* who sends; the last of them ten times as much */
	uint32_t spread; /* from one's tunnel to the next one's */
	uint32_t each;   /* of a hundred packets that the line takes, per sender and round */
	bool sizes;      /* each has a mean size of its own */
};

/* A round: everybody sends, then the line takes what it can, which is half of what comes. */
static void
run_contest(struct book *b, const struct contest *c, unsigned rounds)
{
	int64_t credit = 0;

	for (unsigned n = 0; n < rounds; n++) {
		for (uint32_t s = 0; s < c->count; s++) {
			unsigned many = s == c->count - 1 ? 10 : 1;

			while (many-- > 0)
				book_put(
				    b, s * c->spread, c->sizes ? LEN_MIN + s % 5 * 300 : any_len());
		}
		credit += (int64_t)c->count * MEAN_COST * c->each / 100;
		while (credit > 0) {
			size_t len = book_take(b);

			if (len == 0)
				break;
			credit -= (int64_t)len + HEADERS;
		}
		if (credit > 0)
			credit = 0;
	}
}

static double
contest_index(const struct book *b, const struct contest *c)
{
	uint64_t got[PORTS];

	for (uint32_t s = 0; s < c->count; s++)
		got[s] = b->bytes[s * c->spread];
	return jain(got, c->count);
}

/* Fifty that send a little more than their part, and one that sends ten times as much. */
static void
flocks_get_the_same(void **state)
{
	static const struct contest c = { FLOCKS, TUNNELS, 90, false };
	struct book *b = book_open(ROOM);
	double index;

	(void)state;
	run_contest(b, &c, 2000);
	index = contest_index(b, &c);
	printf("# 50 flocks and one that sends ten times as much: Jain %.5f\n", index);
	assert_true(index >= 0.99);
	book_close(b);
}

static void
tunnels_get_the_same(void **state)
{
	struct contest c = { TUNNELS, 1, 90, false };
	struct book *b = book_open(ROOM);
	double index;

	(void)state;
	run_contest(b, &c, 5000);
	index = contest_index(b, &c);
	printf("# 7 tunnels of a flock and one of ten times as much: Jain %.5f\n", index);
	assert_true(index >= 0.99);
	book_close(b);
}

/* A flock with many tunnels has as much as one with one. */
static void
many_tunnels_do_not_help(void **state)
{
	struct book *b = book_open(ROOM);
	uint64_t got[2] = { 0 };

	(void)state;
	for (unsigned n = 0; n < 20000; n++) {
		for (uint32_t t = 0; t < TUNNELS; t++)
			book_put(b, t, any_len());
		book_put(b, TUNNELS, any_len());
		book_put(b, TUNNELS, any_len());
		book_take(b);
		book_take(b);
	}
	for (uint32_t t = 0; t < TUNNELS; t++)
		got[0] += b->bytes[t];
	got[1] = b->bytes[TUNNELS];
	assert_true(jain(got, 2) >= 0.999);
	assert_true(jain(b->bytes, TUNNELS) >= 0.99);
	book_close(b);
}

/* Those who send less than their part get all of it, and soon. */
static void
who_is_modest_does_not_wait(void **state)
{
	static const struct contest c = { 20, TUNNELS, 120, false };
	struct book *b = book_open(ROOM);

	(void)state;
	run_contest(b, &c, 3000);
	while (book_take(b) > 0)
		;
	for (uint32_t s = 0; s < c.count - 1; s++) {
		assert_int_equal(b->seen[s * c.spread], b->serial[s * c.spread]);
		/* What is given to each of the others in a round, and the batch that came. */
		assert_true(b->worst[s * c.spread] <=
			    c.count * (uint64_t)SHARE_COST_MAX * 2 + 30 * LEN_MAX);
	}
	assert_true(b->dropped > 0);
	printf("# of 100 Mbit/s, 19 modest ones beside a flood wait at most %.2f ms, it %.2f ms\n",
	    (double)b->worst[0] * 8 / 1e5, (double)b->worst[19 * TUNNELS] * 8 / 1e5);
	book_close(b);
}

/* By bytes on the line: small packets are no advantage and no disadvantage. */
static void
sizes_do_not_matter(void **state)
{
	static const struct contest c = { 40, TUNNELS, 15, true };
	struct book *b = book_open(ROOM);
	uint64_t line[40];

	(void)state;
	run_contest(b, &c, 4000);
	for (uint32_t s = 0; s < c.count; s++) {
		uint64_t len = LEN_MIN + s % 5 * 300;

		line[s] = b->bytes[s * c.spread] / len * (len + HEADERS);
	}
	assert_true(jain(line, c.count) >= 0.99);
	book_close(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranks_grow),
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(nothing_is_lost_uncounted),
		cmocka_unit_test(room_is_bounded),
		cmocka_unit_test(the_longest_loses),
		cmocka_unit_test(flocks_get_the_same),
		cmocka_unit_test(tunnels_get_the_same),
		cmocka_unit_test(many_tunnels_do_not_help),
		cmocka_unit_test(who_is_modest_does_not_wait),
		cmocka_unit_test(sizes_do_not_matter),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
