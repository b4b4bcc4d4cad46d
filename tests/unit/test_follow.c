/* SPDX-License-Identifier: ISC */
/* registry.db in, registries out: whole, and then by what changed. */
#include "cathedral/state/follow.h"

#include "tests/support/feeder.h"
#include "tests/support/scratch.h"
#include "tests/support/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define EXPIRES 60000

static struct random randomness;
static const struct flock_id flock_a = { 0xaa00 }, flock_b = { 0xbb00 }, flock_c = { 0xcc00 };

struct fixture {
	struct scratch dir;
	struct scratch_name secret;
	struct feeder feeder;
	struct registry_source source;
	struct endpoint own;
	struct follow *follow;
	struct registry *r;
	struct registry_touched touched; /* by the last loading */
	struct member a[3], b[2], c[1];
};

static struct endpoint
place(uint8_t last, uint16_t port)
{
	return endpoint_from_ipv4((uint8_t[]){ 192, 0, 2, last }, port);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->dir = scratch_make();
	f->secret = scratch_write(&f->dir, "secret", "0123456789abcdef0123456789abcdef");
	f->own = place(1, 4500);
	f->source = (struct registry_source){ .hash = hash_key_new(&randomness),
		.federation = f->secret.path,
		.own = &f->own,
		.own_count = 1 };
	for (uint8_t n = 0; n < 3; n++)
		f->a[n] = member_make(n + 1, (uint8_t)(n + 1), 25, &randomness);
	for (uint8_t n = 0; n < 2; n++)
		f->b[n] = member_make(n + 1, (uint8_t)(n + 7), 0, &randomness);
	f->c[0] = member_make(9, 200, 0, &randomness);
	f->r = registry_empty(f->source.hash);
	feeder_open(&f->feeder, f->dir.path, &randomness);
	f->follow = follow_create(f->feeder.path, f->feeder.key);
	assert_non_null(f->r);
	assert_non_null(f->follow);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	follow_destroy(f->follow);
	registry_free(f->r);
	registry_touched_free(&f->touched);
	if (f->feeder.db != NULL)
		feeder_close(&f->feeder);
	scratch_remove(&f->dir);
	free(f);
	return 0;
}

static struct bundle_plan
plan(struct flock_id first, struct flock_id second, uint32_t generation)
{
	return (struct bundle_plan){ first, second, EXPIRES, generation };
}

/* The next registry in the place of the one before. */
static void
load(struct fixture *f)
{
	struct fault why = { "" };
	struct registry *next;

	registry_touched_free(&f->touched);
	next = follow_load(f->follow, &f->source, f->r, &f->touched, &why);
	if (next == NULL)
		fail_msg("%s", why.text);
	registry_free(f->r);
	f->r = next;
	assert_false(follow_changed(f->follow, f->r));
}

static void
put_and_load(struct fixture *f)
{
	assert_true(feeder_put(&f->feeder));
	assert_true(follow_changed(f->follow, f->r));
	load(f);
}

static void
expect_fault(struct fixture *f, const char *want)
{
	struct registry_touched touched = { .all = false };
	struct fault why = { "" };
	const char *text = why.text;
	size_t folder = strlen(f->dir.path);

	assert_null(follow_load(f->follow, &f->source, f->r, &touched, &why));
	registry_touched_free(&touched);
	/* The folder has another name each time. */
	if (strncmp(text, f->dir.path, folder) == 0)
		text += folder;
	assert_string_equal(text, want);
}

static void
expect_touched(const struct fixture *f, const struct flock_id *flocks, size_t count)
{
	assert_false(f->touched.all);
	assert_int_equal(f->touched.count, count);
	for (size_t n = 0; n < count; n++)
		assert_true(flock_equal(f->touched.flocks[n], flocks[n]));
}

static uint32_t
generation(const struct fixture *f, struct flock_id own, struct flock_id other, struct device_id d)
{
	struct party p;

	assert_true(registry_party(f->r, own, other, d, &p));
	return p.ambries->present ? p.ambries->bundle.head.generation : 0;
}

static void
put_a_and_b(struct fixture *f)
{
	const struct bundle_plan within = plan(flock_a, flock_a, 1);

	feeder_flock(&f->feeder, flock_a, f->a, 2, &within);
	feeder_flock(&f->feeder, flock_b, f->b, 2, NULL);
}

static void
put_pair(struct fixture *f, uint32_t which)
{
	const struct bundle_plan between = plan(flock_b, flock_a, which);
	struct kek_set of_a = feeder_numbers(f->a, 2), of_b = feeder_numbers(f->b, 2);

	feeder_xflock(&f->feeder, &between, &of_b, &of_a);
}

/* ---- whole ---- */

static void
everything_is_there(void **state)
{
	struct fixture *f = *state;
	struct registry_counts c;
	struct bundle_entry got, want;
	const struct bundle_plan within = plan(flock_a, flock_a, 1);
	struct party p;

	put_a_and_b(f);
	put_pair(f, 5);
	assert_true(feeder_put(&f->feeder));
	load(f);
	assert_true(f->touched.all);
	c = registry_counts(f->r);
	assert_int_equal(c.flocks, 2);
	assert_int_equal(c.devices, 4);
	assert_int_equal(c.xflocks, 1);
	assert_int_equal(c.ambries, 2);
	assert_true(registry_version(f->r) > 0);
	for (size_t n = 0; n < 2; n++) {
		assert_true(registry_party(f->r, flock_a, flock_a, f->a[n].id, &p));
		assert_int_equal(p.device->mbit, 25);
		assert_int_equal(p.device->kek_number, f->a[n].number);
		assert_memory_equal(&p.device->cs, &f->a[n].keys.cs, sizeof(p.device->cs));
		assert_memory_equal(&p.device->cosk, &f->a[n].public, sizeof(p.device->cosk));
	}
	assert_int_equal(
	    registry_find_ambry(p.ambries, flock_a, tunnel_between(2, 1), &got), REGISTRY_HERE);
	want = bundle_entry_of(&within, flock_a, tunnel_between(2, 1));
	assert_memory_equal(got.key, want.key, sizeof(got.key));
	/* The rest of the bundle is not on this host. */
	assert_int_equal(
	    registry_find_ambry(p.ambries, flock_a, tunnel_between(2, 3), &got), REGISTRY_NOWHERE);
	assert_int_equal(generation(f, flock_b, flock_a, f->b[1].id), 5);
}

static void
nothing_is_nothing(void **state)
{
	struct fixture *f = *state;

	load(f);
	assert_int_equal(registry_counts(f->r).flocks, 0);
	assert_int_equal(registry_version(f->r), 0);
	put_a_and_b(f);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).flocks, 2);
}

/* ---- flocks ---- */

static void
one_flock_changes_and_others_stay(void **state)
{
	struct fixture *f = *state;
	struct registry_flock *a, *b;
	struct party p;

	put_a_and_b(f);
	assert_true(feeder_put(&f->feeder));
	load(f);
	a = registry_flock_find(f->r, flock_a);
	b = registry_flock_find(f->r, flock_b);

	/* A device more. */
	feeder_flock(&f->feeder, flock_a, f->a, 3, NULL);
	put_and_load(f);
	expect_touched(f, &flock_a, 1);
	assert_ptr_not_equal(registry_flock_find(f->r, flock_a), a);
	assert_ptr_equal(registry_flock_find(f->r, flock_b), b);
	assert_true(registry_party(f->r, flock_a, flock_a, f->a[2].id, &p));
	assert_false(p.ambries->present);
	assert_int_equal(registry_counts(f->r).devices, 5);

	/* One less, another cap, another secret. */
	f->a[1].mbit = 3;
	random_bytes(&randomness, &f->a[0].keys.cs, sizeof(f->a[0].keys.cs));
	feeder_flock(&f->feeder, flock_a, f->a, 2, NULL);
	put_and_load(f);
	assert_false(registry_party(f->r, flock_a, flock_a, f->a[2].id, &p));
	assert_true(registry_party(f->r, flock_a, flock_a, f->a[1].id, &p));
	assert_int_equal(p.device->mbit, 3);
	assert_true(registry_party(f->r, flock_a, flock_a, f->a[0].id, &p));
	assert_memory_equal(&p.device->cs, &f->a[0].keys.cs, sizeof(p.device->cs));
	assert_int_equal(registry_counts(f->r).devices, 4);

	/* Gone, and back. */
	feeder_flock_gone(&f->feeder, flock_a);
	put_and_load(f);
	expect_touched(f, &flock_a, 1);
	assert_null(registry_flock_find(f->r, flock_a));
	assert_int_equal(registry_counts(f->r).devices, 2);
	feeder_flock(&f->feeder, flock_a, f->a, 1, NULL);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).devices, 3);
	assert_ptr_equal(registry_flock_find(f->r, flock_b), b);
}

static void
a_new_bundle_is_a_change(void **state)
{
	struct fixture *f = *state;
	const struct bundle_plan next = plan(flock_a, flock_a, 2);
	size_t bytes;

	put_a_and_b(f);
	assert_true(feeder_put(&f->feeder));
	load(f);
	bytes = registry_counts(f->r).ambry_bytes;
	assert_int_equal(generation(f, flock_a, flock_a, f->a[0].id), 1);
	feeder_flock(&f->feeder, flock_a, f->a, 2, &next);
	put_and_load(f);
	expect_touched(f, &flock_a, 1);
	assert_int_equal(generation(f, flock_a, flock_a, f->a[0].id), 2);
	assert_int_equal(registry_counts(f->r).ambry_bytes, bytes);
	feeder_flock(&f->feeder, flock_a, f->a, 2, NULL);
	put_and_load(f);
	assert_int_equal(generation(f, flock_a, flock_a, f->a[0].id), 0);
	assert_int_equal(registry_counts(f->r).ambry_bytes, 0);
	assert_int_equal(registry_counts(f->r).ambries, 0);
}

/* ---- xflocks ---- */

static void
an_xflock_follows_its_flocks(void **state)
{
	struct fixture *f = *state;
	struct registry_xflock *x;
	struct registry_shroud before;
	struct party p;
	struct bundle_entry got;

	put_a_and_b(f);
	put_pair(f, 5);
	assert_true(feeder_put(&f->feeder));
	load(f);
	x = registry_xflock_find(f->r, flock_a, flock_b);
	assert_true(registry_party(f->r, flock_a, flock_b, f->a[0].id, &p));
	before = *p.shroud;

	/* A device comes before those that were there: its shrouds move, its slice is the same. */
	f->a[2].id.value = 0;
	random_bytes(&randomness, &f->a[0].keys.cs, sizeof(f->a[0].keys.cs));
	feeder_flock(&f->feeder, flock_a, f->a, 3, NULL);
	put_and_load(f);
	expect_touched(f, (const struct flock_id[]){ flock_a, flock_b }, 2);
	assert_ptr_not_equal(registry_xflock_find(f->r, flock_b, flock_a), x);
	assert_true(registry_party(f->r, flock_a, flock_b, f->a[0].id, &p));
	assert_memory_not_equal(p.shroud, &before, sizeof(before));
	assert_int_equal(
	    registry_find_ambry(p.ambries, flock_a, tunnel_between(1, 8), &got), REGISTRY_HERE);
	/* The device has a number that the slice does not know. */
	assert_int_equal(
	    registry_find_ambry(p.ambries, flock_a, tunnel_between(3, 8), &got), REGISTRY_NOWHERE);
	assert_int_equal(generation(f, flock_b, flock_a, f->b[0].id), 5);

	put_pair(f, 6);
	put_and_load(f);
	expect_touched(f, (const struct flock_id[]){ flock_a, flock_b }, 2);
	assert_int_equal(generation(f, flock_a, flock_b, f->a[1].id), 6);

	feeder_xflock_gone(&f->feeder, flock_b, flock_a);
	put_and_load(f);
	expect_touched(f, (const struct flock_id[]){ flock_a, flock_b }, 2);
	assert_null(registry_xflock_find(f->r, flock_a, flock_b));
	assert_false(registry_party(f->r, flock_a, flock_b, f->a[0].id, &p));
	assert_int_equal(registry_counts(f->r).xflocks, 0);
}

static void
an_xflock_waits_for_its_flocks(void **state)
{
	struct fixture *f = *state;
	struct party p;

	put_pair(f, 5);
	assert_true(feeder_put(&f->feeder));
	load(f);
	assert_int_equal(registry_counts(f->r).xflocks, 0);
	feeder_flock(&f->feeder, flock_b, f->b, 2, NULL);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).xflocks, 0);
	assert_false(registry_party(f->r, flock_b, flock_a, f->b[0].id, &p));
	feeder_flock(&f->feeder, flock_a, f->a, 2, NULL);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).xflocks, 1);
	assert_int_equal(generation(f, flock_b, flock_a, f->b[0].id), 5);
	expect_touched(f, (const struct flock_id[]){ flock_a, flock_b }, 2);

	/* It goes with either of them. */
	feeder_flock_gone(&f->feeder, flock_b);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).xflocks, 0);
	expect_touched(f, (const struct flock_id[]){ flock_a, flock_b }, 2);
	feeder_flock(&f->feeder, flock_b, f->b, 1, NULL);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).xflocks, 0);
}

/* ---- the fleet ---- */

static void
cathedrals_join_and_leave(void **state)
{
	struct fixture *f = *state;
	struct endpoint second = place(2, 4500), third = place(3, 4510);
	const struct registry_peer *peer;

	feeder_cathedral(&f->feeder, "own", &f->own, true);
	feeder_cathedral(&f->feeder, "second", &second, true);
	assert_true(feeder_put(&f->feeder));
	load(f);
	assert_int_equal(registry_counts(f->r).peers, 1);
	assert_true(registry_federation(f->r)->present);
	assert_null(registry_peer_at(f->r, &f->own));
	peer = registry_peer_at(f->r, &second);
	assert_int_equal(peer->shroud_port, 4500);
	assert_int_equal(peer->clear_port, 0);
	assert_true(peer->only_told && peer->near);
	assert_false(peer->draining);
	atomic_store(&peer->stats->offers_in, 7);

	/* A flock changes: the fleet is what it was. */
	put_a_and_b(f);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).peers, 1);

	feeder_cathedral(&f->feeder, "second", &second, true)->draining = true;
	strcpy(feeder_cathedral(&f->feeder, "third", &third, false)->region, "elsewhere");
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).peers, 2);
	peer = registry_peer_at(f->r, &second);
	assert_true(peer->draining && !registry_peer_at(f->r, &third)->near);
	assert_int_equal(atomic_load(&peer->stats->offers_in), 7);
	assert_int_equal(registry_peer_at(f->r, &third)->clear_port, 4510);
	expect_touched(f, NULL, 0);

	feeder_cathedral(&f->feeder, "third", &third, false);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).peers, 1);
	assert_null(registry_peer_at(f->r, &second));
}

static void
without_a_secret_nobody_federates(void **state)
{
	struct fixture *f = *state;
	struct endpoint second = place(2, 4500);

	f->source.federation = NULL;
	put_a_and_b(f);
	feeder_cathedral(&f->feeder, "own", &f->own, true);
	feeder_cathedral(&f->feeder, "second", &second, true);
	assert_true(feeder_put(&f->feeder));
	load(f);
	assert_int_equal(registry_counts(f->r).peers, 0);
	assert_int_equal(registry_counts(f->r).unfederated, 1);
	assert_int_equal(registry_counts(f->r).flocks, 2);
	assert_false(registry_federation(f->r)->present);
}

/* ---- what is not right ---- */

static void
a_file_that_is_not_there_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct scratch_name other = scratch_name(&f->dir, "other.db");
	struct scratch_name key = scratch_name(&f->dir, "other.key");
	struct follow *follow = follow_create(other.path, key.path);
	struct registry_touched touched = { .all = false };
	struct fault why;

	assert_non_null(follow);
	assert_false(follow_is_there(follow));
	assert_false(follow_changed(follow, f->r));
	assert_null(follow_load(follow, &f->source, f->r, &touched, &why));
	assert_non_null(strstr(why.text, "other.db: No such file or directory"));
	follow_destroy(follow);
	registry_touched_free(&touched);
}

static void
what_is_wrong_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct bundle_plan other = plan(flock_c, flock_c, 3);
	const struct bundle_plan between = plan(flock_a, flock_b, 3);
	struct kek_set of_a = feeder_numbers(f->a, 2), of_b = feeder_numbers(f->b, 2);
	uint64_t version;

	put_a_and_b(f);
	assert_true(feeder_put(&f->feeder));
	load(f);
	version = registry_version(f->r);

	/* The slice of another flock, where its own should be. */
	feeder_flock(&f->feeder, flock_a, f->a, 3, &other);
	assert_true(feeder_put(&f->feeder));
	expect_fault(f, "flock aa00: entry 1: tunnel 0102 of flock cc00 where 0102 of flock aa00 "
			"was expected");
	assert_int_equal(registry_version(f->r), version);
	assert_int_equal(registry_counts(f->r).devices, 4);
	assert_true(follow_changed(f->follow, f->r));

	/* It is repaired, and something else is broken. */
	feeder_flock(&f->feeder, flock_a, f->a, 3, NULL);
	feeder_xflock(&f->feeder, &between, &of_a, &of_b)->slice.in_a = of_b;
	assert_true(feeder_put(&f->feeder));
	expect_fault(
	    f, "xflock aa00 bb00: entry 1: tunnel 0107 of flock aa00 where 0707 was expected");
	assert_int_equal(registry_counts(f->r).devices, 4);
	feeder_xflock_gone(&f->feeder, flock_a, flock_b);
	put_and_load(f);
	assert_int_equal(registry_counts(f->r).devices, 5);
	assert_int_equal(registry_counts(f->r).xflocks, 0);

	assert_int_equal(unlink(f->secret.path), 0);
	expect_fault(f, "/secret: No such file or directory");
}

/* Thrown away and written anew, by whoever: all comes again, and what did not change is kept. */
static void
another_file_is_read_whole(void **state)
{
	struct fixture *f = *state;
	struct registry_flock *b;
	struct scratch_name log = scratch_name(&f->dir, "registry.db-wal");
	struct scratch_name index = scratch_name(&f->dir, "registry.db-shm");

	put_a_and_b(f);
	put_pair(f, 5);
	assert_true(feeder_put(&f->feeder));
	load(f);
	b = registry_flock_find(f->r, flock_b);
	feeder_close(&f->feeder);
	assert_int_equal(unlink(f->feeder.path), 0);
	unlink(log.path);
	unlink(index.path);
	assert_true(follow_changed(f->follow, f->r));

	feeder_open(&f->feeder, f->dir.path, &randomness);
	feeder_flock(&f->feeder, flock_b, f->b, 2, NULL);
	feeder_flock(&f->feeder, flock_c, f->c, 1, NULL);
	assert_true(feeder_put(&f->feeder));
	load(f);
	assert_true(f->touched.all);
	assert_ptr_equal(registry_flock_find(f->r, flock_b), b);
	assert_null(registry_flock_find(f->r, flock_a));
	assert_int_equal(registry_counts(f->r).flocks, 2);
	assert_int_equal(registry_counts(f->r).xflocks, 0);
}

/* ---- all kinds of changes, against a registry that is read whole ---- */

#define FLOCKS 12

static struct flock_id
flock_of(unsigned n)
{
	return (struct flock_id){ (uint64_t)(n + 1) << 20 };
}

static unsigned
some(unsigned of)
{
	return random_below(&randomness, of);
}

static void
change_flock(struct fixture *f, unsigned n)
{
	struct member members[4];
	struct bundle_plan p = plan(flock_of(n), flock_of(n), some(1000) + 1);
	unsigned count = some(5);

	for (uint8_t m = 0; m < count; m++)
		members[m] = member_make(
		    some(1000) * 4 + m, (uint8_t)(some(60) * 4 + m + 1), m, &randomness);
	feeder_flock(&f->feeder, flock_of(n), members, count, some(3) == 0 ? NULL : &p);
}

static void
change_xflock(struct fixture *f, unsigned n, unsigned other)
{
	struct bundle_plan p = plan(flock_of(n), flock_of(other), some(1000) + 1);
	struct kek_set x = { 0 }, y = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		kek_set_add(&x, (uint8_t)(some(255) + 1));
		kek_set_add(&y, (uint8_t)(some(255) + 1));
	}
	feeder_xflock(&f->feeder, &p, &x, &y);
}

/* A page says each thing once. */
static void
change_at_random(struct fixture *f)
{
	unsigned first = some(FLOCKS), other = (first + 1 + some(FLOCKS - 1)) % FLOCKS;

	switch (some(4)) {
	case 0:
		feeder_flock_gone(&f->feeder, flock_of(first));
		break;
	case 1:
		feeder_xflock_gone(&f->feeder, flock_of(first), flock_of(other));
		break;
	case 2:
		change_xflock(f, first, other);
		break;
	default:
		change_flock(f, first);
		break;
	}
}

struct compared {
	const struct registry *to;
	size_t count;
};

/* Every party with its shroud, its secret and its ambries is the same. */
static bool
is_the_same(const struct party *p, struct flock_id other, void *arg)
{
	struct compared *c = arg;
	struct party q;

	c->count++;
	if (!registry_party(c->to, p->flock->id, other, p->device->id, &q))
		fail_msg("a device is missing");
	assert_memory_equal(p->shroud, q.shroud, sizeof(*p->shroud));
	assert_memory_equal(&p->device->cs, &q.device->cs, sizeof(p->device->cs));
	assert_int_equal(p->device->mbit, q.device->mbit);
	assert_int_equal(p->device->kek_number, q.device->kek_number);
	assert_int_equal(p->ambries->size, q.ambries->size);
	if (p->ambries->size > 0)
		assert_memory_equal(p->ambries->bytes, q.ambries->bytes, p->ambries->size);
	return true;
}

static void
expect_same(const struct registry *a, const struct registry *b)
{
	struct registry_counts x = registry_counts(a), y = registry_counts(b);
	struct compared forth = { b, 0 }, back = { a, 0 };

	assert_memory_equal(&x, &y, sizeof(x));
	registry_each_shroud(a, is_the_same, &forth);
	registry_each_shroud(b, is_the_same, &back);
	assert_int_equal(forth.count, back.count);
}

static void
changes_lead_where_reading_it_whole_does(void **state)
{
	struct fixture *f = *state;

	for (unsigned round = 0; round < 150; round++) {
		struct follow *fresh = follow_create(f->feeder.path, f->feeder.key);
		struct registry *empty = registry_empty(f->source.hash), *whole;
		struct registry_touched touched = { .all = false };
		struct fault why = { "" };

		for (unsigned pages = 1 + some(3); pages > 0; pages--) {
			change_at_random(f);
			feeder_put(&f->feeder);
		}
		load(f);
		whole = follow_load(fresh, &f->source, empty, &touched, &why);
		if (whole == NULL)
			fail_msg("%s", why.text);
		expect_same(f->r, whole);
		registry_free(whole);
		registry_free(empty);
		follow_destroy(fresh);
		registry_touched_free(&touched);
	}
}

static void
touched_flocks_are_each_there_once(void **state)
{
	struct registry_touched t = { .all = false }, more = { .all = false };

	(void)state;
	registry_touch(&t, (struct flock_id){ 0x300 });
	registry_touch(&t, (struct flock_id){ 0x101 });
	registry_touch(&t, (struct flock_id){ 0x302 });
	registry_touch(&more, (struct flock_id){ 0x200 });
	registry_touch(&more, (struct flock_id){ 0x100 });
	registry_touch_also(&t, &more);
	assert_int_equal(t.count, 3);
	for (size_t n = 0; n < 3; n++)
		assert_int_equal(t.flocks[n].value, (n + 1) * 0x100);
	for (uint64_t n = 0; n < 2000; n++)
		registry_touch(&more, (struct flock_id){ n << 8 });
	assert_true(more.all);
	registry_touch_also(&t, &more);
	assert_true(t.all);
	assert_int_equal(t.count, 0);
	registry_touched_free(&t);
	registry_touched_free(&more);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(everything_is_there),
		TEST(nothing_is_nothing),
		TEST(one_flock_changes_and_others_stay),
		TEST(a_new_bundle_is_a_change),
		TEST(an_xflock_follows_its_flocks),
		TEST(an_xflock_waits_for_its_flocks),
		TEST(cathedrals_join_and_leave),
		TEST(without_a_secret_nobody_federates),
		TEST(a_file_that_is_not_there_is_waited_for),
		TEST(what_is_wrong_changes_nothing),
		TEST(another_file_is_read_whole),
		TEST(changes_lead_where_reading_it_whole_does),
		cmocka_unit_test(touched_flocks_are_each_there_once),
	};

	random_for_test(&randomness);
	return cmocka_run_group_tests_name("registry.db followed", tests, NULL, NULL);
}
