/* SPDX-License-Identifier: ISC */
#include "cathedral/state/replay.h"

#include "protocol/wire/kind.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 (1000 * NS_PER_S)

static struct random randomness;

static struct replay *
make(size_t capacity)
{
	struct replay *p = replay_create(capacity, &randomness);

	assert_non_null(p);
	return p;
}

static struct offer_header
fresh(void)
{
	struct offer_header h = {
		.magic = MAGIC_KATEDRAL,
		.flock_src = { 0xcafeba00 },
		.flock_dst = { 0xcafeba00 },
		.spi = 7,
	};

	random_bytes(&randomness, h.seed, sizeof(h.seed));
	return h;
}

static enum replay_result
admit(struct replay *p, const struct offer_header *h, uint64_t now_ns)
{
	struct replay_mark mark = replay_mark(p, h);

	return replay_admit(p, &mark, now_ns);
}

static bool
seen(struct replay *p, const struct offer_header *h, uint64_t now_ns)
{
	struct replay_mark mark = replay_mark(p, h);

	return replay_seen(p, &mark, now_ns);
}

static void
an_offer_is_new_once(void **state)
{
	struct replay *p = make(1000);
	struct offer_header h = fresh(), other = fresh();

	(void)state;
	assert_false(seen(p, &h, T0));
	assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	assert_true(seen(p, &h, T0));
	assert_int_equal(admit(p, &h, T0), REPLAY_SEEN);
	assert_false(seen(p, &other, T0));
	assert_int_equal(admit(p, &other, T0), REPLAY_NEW);
	assert_int_equal(replay_count(p), 2);
	replay_destroy(p);
	replay_destroy(NULL);
}

/* Looking alone leaves nothing behind. */
static void
looking_is_not_admitting(void **state)
{
	struct replay *p = make(1000);
	struct offer_header h = fresh();

	(void)state;
	for (int n = 0; n < 10; n++)
		assert_false(seen(p, &h, T0));
	assert_int_equal(replay_count(p), 0);
	assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	replay_destroy(p);
}

/*
 * A timestamp of 10 s ahead stays fresh until 10 s after it, and whole seconds hide up to one
 * more.
 */
static void
it_is_remembered_while_it_could_be_fresh(void **state)
{
	struct replay *p = make(1000);
	struct offer_header h = fresh();
	uint64_t end = T0 + (2 * OFFER_WINDOW_S + 1) * NS_PER_S;

	(void)state;
	assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	assert_true(seen(p, &h, end - 1));
	assert_int_equal(admit(p, &h, end - 1), REPLAY_SEEN);
	assert_false(seen(p, &h, end)); /* the repeats did not make it longer */
	assert_int_equal(admit(p, &h, end), REPLAY_NEW);
	assert_int_equal(replay_count(p), 1);
	replay_destroy(p);
}

/* Every field of the header tells offers apart, every byte of the seed too. */
static void
the_whole_header_is_marked(void **state)
{
	struct replay *p = make(1000);
	const struct offer_header h = fresh();
	struct offer_header other;

	(void)state;
	assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	for (size_t n = 0; n < sizeof(h.seed); n++) {
		other = h;
		other.seed[n] ^= 1;
		assert_false(seen(p, &other, T0));
	}
	other = h;
	other.magic++;
	assert_false(seen(p, &other, T0));
	other = h;
	other.flock_src.value++;
	assert_false(seen(p, &other, T0));
	other = h;
	other.flock_dst.value++;
	assert_false(seen(p, &other, T0));
	other = h;
	other.spi++;
	assert_false(seen(p, &other, T0));
	assert_true(seen(p, &h, T0));
	replay_destroy(p);
}

static void
a_full_table_refuses(void **state)
{
	struct replay *p = make(64);
	struct offer_header h;
	unsigned new = 0, full = 0;

	(void)state;
	for (int n = 0; n < 5000; n++) {
		h = fresh();
		h.flock_src.value += (uint64_t)n << 8;
		switch (admit(p, &h, T0)) {
		case REPLAY_NEW:
			new ++;
			break;
		case REPLAY_FULL:
			full++;
			break;
		case REPLAY_SEEN:
		case REPLAY_QUOTA:
			fail();
		}
	}
	assert_true(new >= 64 && full > 0);
	assert_int_equal(replay_count(p), new);

	/* When they are forgotten there is room again, without a sweep. */
	for (unsigned n = 0; n < 64; n++) {
		h = fresh();
		assert_int_equal(admit(p, &h, T0 + 60 * NS_PER_S), REPLAY_NEW);
	}
	replay_destroy(p);
}

/* However much one flock sends, there is room for the others. */
static void
a_flock_has_its_part(void **state)
{
	struct replay *p = make(4096);
	struct offer_header h;
	unsigned new = 0, quota = 0;

	(void)state;
	for (int n = 0; n < 8192; n++) {
		enum replay_result result;

		h = fresh();
		h.flock_src.value |= (uint64_t)n & 0xff; /* its domains do not count apart */
		result = admit(p, &h, T0);
		new += result == REPLAY_NEW;
		quota += result == REPLAY_QUOTA;
	}
	assert_int_equal(new + quota, 8192);
	assert_true(new >= 4096 / 4 && new < 4096 / 2);
	for (int n = 0; n < 1024; n++) {
		h = fresh();
		h.flock_src.value = 0xbeef00;
		assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	}

	/* What was forgotten counts no more. */
	for (int part = 0; part < 100; part++)
		replay_sweep(p, 100, T0 + 60 * NS_PER_S);
	h = fresh();
	assert_int_equal(admit(p, &h, T0 + 60 * NS_PER_S), REPLAY_NEW);
	assert_int_equal(replay_count(p), 1);
	replay_destroy(p);
}

static void
a_sweep_forgets_what_is_stale(void **state)
{
	struct replay *p = make(10000);
	struct offer_header h, kept = fresh();
	size_t gone = 0;

	(void)state;
	for (int n = 0; n < 500; n++) {
		h = fresh();
		assert_int_equal(admit(p, &h, T0), REPLAY_NEW);
	}
	assert_int_equal(admit(p, &kept, T0 + NS_PER_S), REPLAY_NEW);
	for (int part = 0; part < 100; part++)
		gone += replay_sweep(p, 100, T0 + 21 * NS_PER_S - 1);
	assert_int_equal(gone, 0);
	for (int part = 0; part < 100; part++)
		gone += replay_sweep(p, 100, T0 + 21 * NS_PER_S);
	assert_int_equal(gone, 500);
	assert_true(seen(p, &kept, T0 + 21 * NS_PER_S));
	replay_destroy(p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_offer_is_new_once),
		cmocka_unit_test(looking_is_not_admitting),
		cmocka_unit_test(it_is_remembered_while_it_could_be_fresh),
		cmocka_unit_test(the_whole_header_is_marked),
		cmocka_unit_test(a_full_table_refuses),
		cmocka_unit_test(a_flock_has_its_part),
		cmocka_unit_test(a_sweep_forgets_what_is_stale),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
