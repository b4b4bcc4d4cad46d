/* SPDX-License-Identifier: ISC */
#include "cathedral/state/table.h"

#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct key {
	uint32_t home, rest;
};

struct entry {
	struct key key;
	uint64_t value;
	uint8_t bytes[5]; /* an odd size: entries stay aligned all the same */
};

static struct random randomness;
static struct hash_key hash;

static struct table *
make(size_t capacity, size_t home_size, unsigned shards)
{
	struct table_shape shape = {
		.capacity = capacity,
		.entry_size = sizeof(struct entry),
		.key_size = sizeof(struct key),
		.home_size = home_size,
		.shards = shards,
	};
	struct table *t = table_create(&shape, hash);

	assert_non_null(t);
	return t;
}

/* Adds one under its shard's lock; false when the shard is full. */
static bool
put(struct table *t, struct key key, uint64_t value)
{
	struct table_shard *s = table_lock(t, &key);
	struct entry *e = table_insert(s, &key);

	if (e != NULL)
		e->value = value;
	table_unlock(s);
	return e != NULL;
}

static bool
get(struct table *t, struct key key, uint64_t *value)
{
	struct table_shard *s = table_lock(t, &key);
	const struct entry *e = table_find(s, &key);

	if (e != NULL)
		*value = e->value;
	table_unlock(s);
	return e != NULL;
}

static bool
take_out(struct table *t, struct key key)
{
	struct table_shard *s = table_lock(t, &key);
	struct entry *e = table_find(s, &key);

	if (e != NULL)
		table_remove(s, e);
	table_unlock(s);
	return e != NULL;
}

static void
entries_are_found_and_removed(void **state)
{
	struct table *t = make(100, 0, 4);
	uint64_t value = 0;

	(void)state;
	assert_false(get(t, (struct key){ 1, 2 }, &value));
	assert_true(put(t, (struct key){ 1, 2 }, 12));
	assert_true(put(t, (struct key){ 2, 1 }, 21));
	assert_true(get(t, (struct key){ 1, 2 }, &value));
	assert_int_equal(value, 12);
	assert_int_equal(table_count(t), 2);

	assert_true(take_out(t, (struct key){ 1, 2 }));
	assert_false(take_out(t, (struct key){ 1, 2 }));
	assert_false(get(t, (struct key){ 1, 2 }, &value));
	assert_true(get(t, (struct key){ 2, 1 }, &value));
	assert_int_equal(value, 21);
	assert_int_equal(table_count(t), 1);
	table_destroy(t);
	table_destroy(NULL);
}

static void
a_new_entry_is_zeroed_behind_its_key(void **state)
{
	struct table *t = make(1, 0, 1);
	struct key key = { 7, 7 }, other = { 8, 8 };
	struct table_shard *s = table_lock(t, &key);
	struct entry *e = table_insert(s, &key);
	static const uint8_t zeros[5];

	(void)state;
	memset(&e->value, 0xee, sizeof(e->value));
	memset(e->bytes, 0xee, sizeof(e->bytes));
	table_remove(s, e);
	e = table_insert(s, &other); /* the same place again */
	assert_memory_equal(&e->key, &other, sizeof(other));
	assert_int_equal(e->value, 0);
	assert_memory_equal(e->bytes, zeros, sizeof(zeros));
	assert_int_equal((uintptr_t)e % 8, 0);
	table_unlock(s);
	table_destroy(t);
}

/* One shard: nothing fits beyond its slots, and a slot given back is used again. */
static void
a_full_shard_refuses(void **state)
{
	struct table *t = make(50, 0, 1);
	size_t room = table_capacity(t);
	uint64_t value;

	(void)state;
	assert_true(room >= 50 && room <= 50 + 50 / 16 + 32);
	for (uint32_t n = 0; n < room; n++)
		assert_true(put(t, (struct key){ n, 0 }, n));
	assert_false(put(t, (struct key){ 9999, 0 }, 0));
	assert_int_equal(table_count(t), room);

	assert_true(take_out(t, (struct key){ 17, 0 }));
	assert_true(put(t, (struct key){ 9999, 0 }, 5));
	assert_false(put(t, (struct key){ 10000, 0 }, 5));
	for (uint32_t n = 0; n < room; n++)
		assert_true(get(t, (struct key){ n, 0 }, &value) == (n != 17));
	table_destroy(t);
}

/* Chance spreads them unevenly: a shard may be full a few entries too early, not more. */
static void
the_capacity_asked_for_fits(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		struct table *t;
		unsigned refused = 0;

		hash = hash_key_new(&randomness);
		t = make(100000, 0, 64);
		for (uint32_t n = 0; n < 100000; n++)
			refused += !put(t, (struct key){ n, 1 }, n);
		assert_true(refused < 200);
		assert_int_equal(table_count(t), 100000 - refused);
		table_destroy(t);
	}
}

static void
home_size_keeps_keys_together(void **state)
{
	struct table *t = make(50000, sizeof(uint32_t), 64), *spread = make(50000, 0, 64);
	bool apart = false;

	(void)state;
	for (uint32_t home = 0; home < 20; home++) {
		struct key first = { home, 0 };
		struct table_shard *s = table_lock(t, &first), *shard;

		for (uint32_t rest = 1; rest < 100; rest++) {
			struct key key = { home, rest };

			/* Its shard is locked already: found there, without a second lock. */
			assert_non_null(table_insert(s, &key));
			assert_non_null(table_find(s, &key));
		}
		table_unlock(s);
		shard = table_lock(t, &(struct key){ home, 12345 });
		assert_ptr_equal(shard, s);
		table_unlock(shard);

		s = table_lock(spread, &first);
		table_unlock(s);
		shard = table_lock(spread, &(struct key){ home, 12345 });
		apart = apart || shard != s;
		table_unlock(shard);
	}
	assert_true(apart);
	table_destroy(t);
	table_destroy(spread);
}

static bool
is_odd(void *entry, void *arg)
{
	unsigned *seen = arg;

	(*seen)++;
	return ((struct entry *)entry)->value % 2 == 1;
}

static void
a_sweep_goes_round(void **state)
{
	struct table *t = make(100, 0, 1);
	struct table_shard *s;
	unsigned seen = 0;

	(void)state;
	for (uint32_t n = 0; n < 100; n++)
		put(t, (struct key){ n, 0 }, n);
	s = table_lock_nth(t, 0);
	assert_null(table_lock_nth(t, 1));

	assert_int_equal(table_sweep(s, 0, is_odd, &seen), 0);
	assert_int_equal(seen, 0);
	assert_int_equal(table_sweep(s, 30, is_odd, &seen), 15); /* 0 .. 29 */
	assert_int_equal(seen, 30);
	assert_int_equal(table_sweep(s, 30, is_odd, &seen), 15);   /* 30 .. 59 */
	assert_int_equal(table_sweep(s, 1000, is_odd, &seen), 20); /* the rest of the round */
	assert_int_equal(seen, 100);
	assert_int_equal(table_sweep(s, 1000, is_odd, &seen), 0); /* from the front again */
	assert_int_equal(seen, 150);
	table_unlock(s);
	assert_int_equal(table_count(t), 50);
	table_destroy(t);
}

static void
parts_make_a_round(void **state)
{
	struct table *t = make(6000, 0, 8);
	unsigned seen = 0;
	size_t removed = 0;

	(void)state;
	for (uint32_t n = 0; n < 3000; n++)
		put(t, (struct key){ n, 0 }, n);
	for (int part = 0; part < 100; part++)
		removed += table_sweep_part(t, 100, is_odd, &seen);
	assert_true(seen >= 3000);
	assert_int_equal(removed, 1500);
	assert_int_equal(table_count(t), 1500);
	table_destroy(t);
}

static bool
is_even(const void *at, void *arg)
{
	const struct entry *e = at;
	unsigned *seen = arg;

	(*seen)++;
	return e->value % 2 == 0;
}

static bool
is_odd_again(void *at, void *arg)
{
	const struct entry *e = at;

	(void)arg;
	return e->value % 2 == 1;
}

static void
a_walk_sees_every_entry_once(void **state)
{
	static const uint32_t counts[] = { 0, 1, 31, 32, 33, 64, 1000, 2500 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (unsigned shards = 1; shards <= 16; shards *= 16) {
			struct table *t = make(3000, 0, shards);
			unsigned seen = 0;

			for (uint32_t n = 0; n < counts[i]; n++)
				put(t, (struct key){ n, 0 }, n);
			struct table_look look = { is_even, is_odd_again, &seen };

			assert_int_equal(table_review(t, &look), counts[i] / 2);
			assert_int_equal(seen, counts[i]);
			assert_int_equal(table_count(t), (counts[i] + 1) / 2);
			table_destroy(t);
		}
	}
}

static size_t
resident_bytes(void)
{
	unsigned long size = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Room for a million entries costs what the few that are there need, in pages of any size. */
static void
memory_is_taken_as_it_is_needed(void **state)
{
	size_t before = resident_bytes();
	struct table *t = make(1000000, 0, 64);

	(void)state;
	for (uint32_t n = 0; n < 200; n++)
		assert_true(put(t, (struct key){ n, 0 }, n));
	assert_true(resident_bytes() - before < 16 << 20);
	table_destroy(t);
}

/* ---- any sequence of steps, against an array that is too simple to be wrong ---- */

#define KEYS  256
#define STEPS 60000

struct model {
	bool there[KEYS];
	uint64_t value[KEYS];
	size_t count;
};

static struct key
model_key(uint32_t n)
{
	return (struct key){ n % 7, n };
}

static bool
gone_in_model(void *entry, void *arg)
{
	const struct entry *e = entry;
	struct model *m = arg;

	if (e->value % 3 != 0)
		return false;
	m->there[e->key.rest] = false;
	m->count--;
	return true;
}

static void
model_put(struct table *t, struct model *m, uint32_t n, uint64_t value)
{
	if (m->there[n])
		return;
	m->there[n] = put(t, model_key(n), value);
	m->value[n] = value;
	m->count += m->there[n];
}

static void
model_remove(struct table *t, struct model *m, uint32_t n)
{
	assert_true(take_out(t, model_key(n)) == m->there[n]);
	m->count -= m->there[n];
	m->there[n] = false;
}

static void
model_get(struct table *t, const struct model *m, uint32_t n)
{
	uint64_t value = 0;

	assert_true(get(t, model_key(n), &value) == m->there[n]);
	if (m->there[n])
		assert_true(value == m->value[n]);
}

static void
model_step(struct table *t, struct model *m, struct random *r)
{
	uint32_t n = random_below(r, KEYS);

	switch (random_below(r, 8)) {
	case 0:
		table_sweep_part(t, 1 + random_below(r, 20), gone_in_model, m);
		break;
	case 1:
	case 2:
		model_remove(t, m, n);
		break;
	case 3:
		model_get(t, m, n);
		break;
	default:
		model_put(t, m, n, random_u64(r));
		break;
	}
}

static void
any_steps_do_what_an_array_does(void **state)
{
	(void)state;
	for (unsigned shards = 1; shards <= 4; shards *= 2) {
		/* Too small for all keys: some are refused. */
		struct table *t = make(KEYS / 2, shards == 4 ? sizeof(uint32_t) : 0, shards);
		struct model m = { .count = 0 };

		for (int step = 0; step < STEPS; step++) {
			model_step(t, &m, &randomness);
			assert_true(table_count(t) == m.count);
			assert_true(m.count <= table_capacity(t));
		}
		for (uint32_t n = 0; n < KEYS; n++)
			model_get(t, &m, n);
		table_destroy(t);
	}
}

/* ---- entries by flock ---- */

#define FLOCKS 8

struct member_key {
	struct flock_id flock; /* with a domain */
	uint64_t number;
};

struct chosen {
	struct flock_id flock;
	size_t seen, copies;
	bool drop;
};

static bool
choose(void *at, void *arg)
{
	const struct member_key *key = at;
	struct chosen *c = arg;

	assert_true(flock_equal(flock_base(key->flock), c->flock));
	c->seen++;
	return c->drop;
}

static bool
is_not_chosen(const void *at, void *arg)
{
	const struct member_key *key = at;
	struct chosen *c = arg;

	assert_true(flock_equal(flock_base(key->flock), c->flock));
	c->copies++;
	return !c->drop;
}

/* All of it is seen, in copies or, where there are too many for that, as they are. */
static size_t
walk_flock(struct table *t, struct chosen *c)
{
	struct table_look look = { is_not_chosen, choose, c };
	size_t removed = table_review_flock(t, c->flock, &look);

	if (!c->drop)
		c->seen += c->copies;
	return removed;
}

/* As many as were put in, in whatever domain; entries come and go in any order. */
static void
entries_of_a_flock_are_found(void **state)
{
	struct table_shape shape = {
		.capacity = 2000,
		.entry_size = sizeof(struct member_key) + 3,
		.key_size = sizeof(struct member_key),
		.shards = 4,
		.by_flock = true,
	};
	struct table *t = table_create(&shape, hash);
	static bool there[FLOCKS][256];
	size_t counts[FLOCKS] = { 0 };

	(void)state;
	assert_non_null(t);
	for (unsigned round = 0; round < 30000; round++) {
		unsigned flock = random_below(&randomness, FLOCKS),
			 n = random_below(&randomness, 200);
		struct member_key key = { { (uint64_t)(flock + 1) << 8 | n % 3 }, n };
		struct chosen c = { { (uint64_t)(flock + 1) << 8 }, 0, 0, false };
		struct table_shard *s;

		if (random_below(&randomness, 400) == 0) {
			c.drop = random_below(&randomness, 2) == 0;
			assert_int_equal(walk_flock(t, &c), c.drop ? counts[flock] : 0);
			assert_int_equal(c.seen, counts[flock]);
			if (c.drop) {
				counts[flock] = 0;
				memset(there[flock], 0, sizeof(there[flock]));
			}
			continue;
		}
		s = table_lock(t, &key);
		if (there[flock][n])
			table_remove(s, table_find(s, &key));
		else
			assert_non_null(table_insert(s, &key));
		table_unlock(s);
		there[flock][n] = !there[flock][n];
		if (there[flock][n])
			counts[flock]++;
		else
			counts[flock]--;
	}
	for (unsigned flock = 0; flock <= FLOCKS; flock++) {
		struct chosen c = { { (uint64_t)(flock + 1) << 8 }, 0, 0, true };

		walk_flock(t, &c);
		assert_int_equal(c.seen, flock < FLOCKS ? counts[flock] : 0);
	}
	assert_int_equal(table_count(t), 0);
	table_destroy(t);
}

struct seen {
	struct table *t;
	unsigned count, rests;
	uint64_t sum;
	bool end; /* at the first rest */
};

static void
see_one(const void *entry, void *arg)
{
	struct seen *s = arg;

	s->count++;
	s->sum += ((const struct entry *)entry)->value;
}

/* No lock is held: each of them can be had. */
static bool
rest_a_little(void *arg)
{
	struct seen *s = arg;
	struct table_shard *shard;

	s->rests++;
	for (unsigned n = 0; (shard = table_lock_nth(s->t, n)) != NULL; n++)
		table_unlock(shard);
	return !s->end;
}

static struct seen
see_since(struct table *t, uint32_t mark)
{
	struct seen s = { .t = t };

	assert_true(table_each(t, mark, see_one, rest_a_little, &s));
	return s;
}

static void
touch(struct table *t, struct key key)
{
	struct table_shard *s = table_lock(t, &key);

	table_touch(s, table_find(s, &key));
	table_unlock(s);
}

static void
marks_say_what_changed(void **state)
{
	struct table *t = make(2000, 0, 2);
	uint32_t first, second;
	struct seen s;

	(void)state;
	for (uint32_t n = 0; n < 1000; n++)
		assert_true(put(t, (struct key){ n, 0 }, n));
	s = see_since(t, 0);
	assert_int_equal(s.count, 1000);
	assert_int_equal(s.sum, 999 * 500);
	assert_true(s.rests >= 4); /* a few at a time */

	first = table_mark(t);
	assert_int_equal(see_since(t, first).count, 0);
	touch(t, (struct key){ 7, 0 });
	touch(t, (struct key){ 7, 0 });
	assert_true(put(t, (struct key){ 5000, 0 }, 5000));
	second = table_mark(t);
	touch(t, (struct key){ 9, 0 });
	assert_true(take_out(t, (struct key){ 8, 0 }));
	assert_int_equal(see_since(t, first).sum, 7 + 5000 + 9);
	assert_int_equal(see_since(t, second).sum, 9);
	assert_int_equal(see_since(t, 0).count, 1000);

	s = (struct seen){ .t = t, .end = true };
	assert_false(table_each(t, 0, see_one, rest_a_little, &s));
	assert_int_equal(s.rests, 1);
	table_destroy(t);
}

/* Also far apart: no part of a shard that is passed is left out, or seen twice. */
static void
few_changes_among_many_are_found(void **state)
{
	enum { MANY = 50000 };
	struct table *t = make(MANY, 0, 2);
	uint64_t sum = 0;

	(void)state;
	for (uint32_t n = 0; n < MANY; n++)
		assert_true(put(t, (struct key){ n, 0 }, n));
	for (unsigned round = 0; round < 50; round++) {
		uint32_t mark = table_mark(t);
		struct seen s;

		sum = 0;
		for (unsigned i = 0; i < round; i++) {
			uint32_t n = i * (MANY / 50) + (uint32_t)random_below(&randomness, 1000);

			touch(t, (struct key){ n, 0 });
			sum += n;
		}
		s = see_since(t, mark);
		assert_int_equal(s.count, round);
		assert_int_equal(s.sum, sum);
		assert_true(s.rests <= 2 * (MANY / 2 / 1000)); /* not one for each few slots */
	}
	table_destroy(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_found_and_removed),
		cmocka_unit_test(a_new_entry_is_zeroed_behind_its_key),
		cmocka_unit_test(a_full_shard_refuses),
		cmocka_unit_test(the_capacity_asked_for_fits),
		cmocka_unit_test(home_size_keeps_keys_together),
		cmocka_unit_test(a_sweep_goes_round),
		cmocka_unit_test(parts_make_a_round),
		cmocka_unit_test(a_walk_sees_every_entry_once),
		cmocka_unit_test(memory_is_taken_as_it_is_needed),
		cmocka_unit_test(any_steps_do_what_an_array_does),
		cmocka_unit_test(entries_of_a_flock_are_found),
		cmocka_unit_test(marks_say_what_changed),
		cmocka_unit_test(few_changes_among_many_are_found),
	};

	random_for_test(&randomness);
	hash = hash_key_new(&randomness);
	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
