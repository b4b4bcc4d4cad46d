/* SPDX-License-Identifier: ISC */
#include "base/clock.h"
#include "tests/support/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PACKETS 10000

struct outcome {
	uint32_t seen[PACKETS]; /* how often each packet came out */
	uint64_t out, early, overtaken;
};

/* One packet a millisecond through a line; what comes out is counted. */
static void
run(struct line *l, struct outcome *o, uint64_t least_ns)
{
	uint8_t out[LINE_PACKET_MAX];
	uint32_t last = 0;

	memset(o, 0, sizeof(*o));
	for (uint32_t ms = 0; ms < 2 * PACKETS; ms++) {
		size_t len;

		if (ms < PACKETS)
			line_put(l, (const uint8_t *)&ms, sizeof(ms), ms * NS_PER_MS);
		while ((len = line_take(l, ms * NS_PER_MS, out)) > 0) {
			uint32_t number;

			assert_int_equal(len, sizeof(number));
			memcpy(&number, out, sizeof(number));
			assert_true(number < PACKETS);
			o->seen[number]++;
			o->out++;
			o->early += (ms - number) * NS_PER_MS < least_ns;
			o->overtaken += number < last;
			last = number;
		}
	}
	assert_int_equal(line_next_ns(l), UINT64_MAX);
}

static struct line *
line_with(struct random *r, struct line_faults faults)
{
	struct line *l = line_create(256, r);

	assert_non_null(l);
	random_from_seed(r, 1);
	*line_faults(l) = faults;
	return l;
}

static void
test_good_line(void **state)
{
	struct outcome *o = malloc(sizeof(*o));
	struct random r;
	struct line *l = line_with(&r, (struct line_faults){ 0 });

	(void)state;
	run(l, o, 0);
	for (size_t i = 0; i < PACKETS; i++)
		assert_int_equal(o->seen[i], 1);
	assert_int_equal(o->overtaken, 0);
	line_destroy(l);
	free(o);
}

static void
test_faults(void **state)
{
	static const struct {
		struct line_faults faults;
		uint64_t out_min, out_max, overtaken_min, overtaken_max;
	} cases[] = {
		{ { .loss = 50000 }, 9400, 9600, 0, 0 },
		{ { .loss = 1000000 }, 0, 0, 0, 0 },
		{ { .down = true }, 0, 0, 0, 0 },
		{ { .duplicate = 100000 }, 10900, 11100, 0, 0 },
		{ { .delay_ms = 100 }, 10000, 10000, 0, 0 },
		{ { .delay_ms = 20, .jitter_ms = 10 }, 10000, 10000, 3000, 6000 },
		{ { .loss = 500000, .duplicate = 1000000 }, 9600, 10400, 0, 0 },
	};
	struct outcome *o = malloc(sizeof(*o));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct random r;
		struct line *l = line_with(&r, cases[i].faults);
		const struct line_counts *c = line_counts(l);

		run(l, o, cases[i].faults.delay_ms * NS_PER_MS);
		assert_in_range(o->out, cases[i].out_min, cases[i].out_max);
		assert_in_range(o->overtaken, cases[i].overtaken_min, cases[i].overtaken_max);
		assert_int_equal(o->early, 0);
		assert_int_equal(c->in, PACKETS);
		assert_int_equal(c->out, o->out);
		assert_int_equal(c->in + c->duplicated, c->lost + c->full + c->out);
		line_destroy(l);
	}
	free(o);
}

static void
test_same_seed_same_fate(void **state)
{
	struct line_faults faults = { .loss = 300000, .duplicate = 200000, .jitter_ms = 9 };
	struct outcome *o = malloc(2 * sizeof(*o));

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct random r;
		struct line *l = line_with(&r, faults);

		run(l, &o[i], 0);
		line_destroy(l);
	}
	assert_memory_equal(&o[0], &o[1], sizeof(o[0]));
	free(o);
}

/* More on their way than fit: the later ones are lost, none is damaged. */
static void
test_bounded(void **state)
{
	struct outcome *o = malloc(sizeof(*o));
	struct random r;
	struct line *l = line_with(&r, (struct line_faults){ .delay_ms = 512 });

	(void)state;
	run(l, o, 512 * NS_PER_MS);
	assert_int_equal(line_counts(l)->full + o->out, PACKETS);
	assert_in_range(o->out, PACKETS / 2 - 256, PACKETS / 2 + 256);
	assert_int_equal(o->seen[0], 1);
	assert_int_equal(o->seen[255], 1);
	assert_int_equal(o->seen[256], 0);
	line_destroy(l);
	free(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_line),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_same_seed_same_fate),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
