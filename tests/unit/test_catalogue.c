/* SPDX-License-Identifier: ISC */
/* Tables that share with those they were copied from: against a plain list of what is in each. */
#include "cathedral/state/catalogue.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES  600 /* a third of them of two flocks */
#define TABLES 6

static struct random randomness;

struct thing {
	unsigned name, references;
};

static size_t alive;

static void
keep(void *item)
{
	((struct thing *)item)->references++;
}

static void
release(void *item)
{
	struct thing *t = item;

	assert_true(t->references > 0);
	if (--t->references > 0)
		return;
	alive--;
	free(t);
}

static const struct catalogue_kind kind = { keep, release };

static struct thing *
thing_make(unsigned name)
{
	struct thing *t = malloc(sizeof(*t));

	assert_non_null(t);
	*t = (struct thing){ name, 1 };
	alive++;
	return t;
}

static struct flock_id
first_of(unsigned name)
{
	return (struct flock_id){ (uint64_t)(name + 1) << 8 };
}

static struct flock_id
second_of(unsigned name)
{
	return name % 3 == 0 ? (struct flock_id){ UINT64_MAX } : first_of(name);
}

static void *
find(const struct catalogue *c, unsigned name)
{
	return catalogue_find(c, first_of(name), second_of(name));
}

/* A table, and what is to be in it. */
struct pair {
	struct catalogue *table;
	const struct thing *expected[NAMES];
};

struct seen {
	const struct pair *pair;
	size_t count;
};

static bool
see(void *item, void *arg)
{
	const struct thing *t = item;
	struct seen *seen = arg;

	seen->count++;
	return seen->pair->expected[t->name] == t;
}

static void
pair_check(const struct pair *p)
{
	struct seen seen = { .pair = p };
	size_t count = 0;

	for (unsigned n = 0; n < NAMES; n++) {
		assert_ptr_equal(find(p->table, n), p->expected[n]);
		count += p->expected[n] != NULL;
	}
	assert_int_equal(catalogue_count(p->table), count);
	assert_true(catalogue_each(p->table, see, &seen));
	assert_int_equal(seen.count, count);
}

static void
change(struct pair *p)
{
	unsigned name = random_below(&randomness, NAMES);
	struct thing *t;

	if (random_below(&randomness, 5) < 2) {
		assert_true(catalogue_remove(p->table, first_of(name), second_of(name)));
		p->expected[name] = NULL;
		return;
	}
	t = thing_make(name);
	assert_true(catalogue_put(p->table, first_of(name), second_of(name), t));
	p->expected[name] = t;
}

/* The newest is changed, copied, changed; older ones stay as they were, and go in any order. */
static void
copies_are_what_they_were(void **state)
{
	struct pair *pairs = calloc(TABLES, sizeof(*pairs));
	unsigned newest = 0;

	(void)state;
	assert_non_null(pairs);
	pairs[0].table = catalogue_create(&kind, hash_key_new(&randomness), 0);
	for (unsigned round = 0; round < 400; round++) {
		unsigned next = (newest + 1 + random_below(&randomness, TABLES - 1)) % TABLES;

		for (unsigned n = random_below(&randomness, 40); n > 0; n--)
			change(&pairs[newest]);
		catalogue_free(pairs[next].table);
		pairs[next] = pairs[newest];
		pairs[next].table = catalogue_copy(pairs[newest].table);
		assert_non_null(pairs[next].table);
		newest = next;
		for (unsigned n = 0; n < TABLES; n++) {
			if (pairs[n].table != NULL)
				pair_check(&pairs[n]);
		}
	}
	for (unsigned n = 0; n < TABLES; n++)
		catalogue_free(pairs[n].table);
	assert_int_equal(alive, 0);
	free(pairs);
}

static void
it_grows_and_finds_all(void **state)
{
	struct catalogue *c = catalogue_create(&kind, hash_key_new(&randomness), 1), *copy = NULL;

	(void)state;
	for (unsigned n = 0; n < 20000; n++) {
		assert_true(catalogue_put(c, first_of(n), second_of(n), thing_make(n)));
		if (n == 300)
			copy = catalogue_copy(c);
	}
	assert_int_equal(catalogue_count(c), 20000);
	for (unsigned n = 0; n < 20000; n++)
		assert_int_equal(((struct thing *)find(c, n))->name, n);
	assert_null(find(c, 20000));
	assert_int_equal(catalogue_count(copy), 301);
	assert_non_null(find(copy, 300));
	assert_null(find(copy, 301));
	catalogue_free(c);
	assert_non_null(find(copy, 300));
	catalogue_free(copy);
	assert_int_equal(alive, 0);
}

static void
one_flock_and_two_are_different_names(void **state)
{
	struct flock_id a = { 0x100 }, b = { 0x200 };
	struct catalogue *c = catalogue_create(&kind, hash_key_new(&randomness), 0);

	(void)state;
	assert_true(catalogue_remove(c, a, a));
	assert_true(catalogue_put(c, a, b, thing_make(1)));
	assert_null(catalogue_find(c, a, a));
	assert_null(catalogue_find(c, b, b));
	assert_null(catalogue_find(c, b, a));
	assert_true(catalogue_put(c, a, a, thing_make(2)));
	assert_true(catalogue_remove(c, b, a));
	assert_int_equal(catalogue_count(c), 2);
	assert_true(catalogue_remove(c, a, b));
	assert_null(catalogue_find(c, a, b));
	assert_int_equal(((struct thing *)catalogue_find(c, a, a))->name, 2);
	catalogue_free(c);
	catalogue_free(NULL);
	assert_int_equal(alive, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_what_they_were),
		cmocka_unit_test(it_grows_and_finds_all),
		cmocka_unit_test(one_flock_and_two_are_different_names),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
