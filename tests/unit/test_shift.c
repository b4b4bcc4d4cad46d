/* SPDX-License-Identifier: ISC */
/* A thread that works, rests, works again; and how soon. */
#include "cathedral/io/shift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct shift shift;
	_Atomic bool asked;
	_Atomic unsigned times, rounds;
};

static void
work(void *arg)
{
	struct fixture *f = arg;

	atomic_fetch_add(&f->times, 1);
	while (!atomic_load(&f->asked)) {
		atomic_fetch_add(&f->rounds, 1);
		usleep(100);
	}
}

static void
rest(struct fixture *f)
{
	atomic_store(&f->asked, true);
	shift_rest(&f->shift);
	atomic_store(&f->asked, false);
}

static void
it_rests_until_it_is_called(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_true(shift_start(&f.shift, "shift", work, &f));
	usleep(10000);
	assert_int_equal(atomic_load(&f.times), 0);
	shift_call(&f.shift);
	shift_await(&f.shift);
	rest(&f);
	assert_int_equal(atomic_load(&f.times), 1);
	shift_end(&f.shift);
}

static void
it_works_as_often_as_it_is_called(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_true(shift_start(&f.shift, "shift", work, &f));
	for (unsigned n = 1; n <= 1000; n++) {
		unsigned rounds;

		shift_call(&f.shift);
		if (n % 2 == 0) /* awaited or not */
			shift_await(&f.shift);
		rest(&f);
		assert_int_equal(atomic_load(&f.times), n);
		rounds = atomic_load(&f.rounds);
		if (n % 100 == 0)
			usleep(1000);
		assert_int_equal(atomic_load(&f.rounds), rounds);
	}
	shift_end(&f.shift);
}

static void
twice_is_once(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_true(shift_start(&f.shift, "shift", work, &f));
	shift_await(&f.shift); /* nobody called it: there is nothing to wait for */
	rest(&f);
	shift_call(&f.shift);
	shift_call(&f.shift);
	shift_await(&f.shift);
	shift_await(&f.shift);
	rest(&f);
	rest(&f);
	assert_int_equal(atomic_load(&f.times), 1);
	shift_end(&f.shift);
	shift_end(&f.shift);
	assert_int_equal(atomic_load(&f.times), 1);
}

static void
one_that_never_was_ends(void **state)
{
	struct shift never = { 0 };

	(void)state;
	shift_rest(&never);
	shift_end(&never);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_rests_until_it_is_called),
		cmocka_unit_test(it_works_as_often_as_it_is_called),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(one_that_never_was_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
