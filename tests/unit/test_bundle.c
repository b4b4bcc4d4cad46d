/* SPDX-License-Identifier: ISC */
#include "protocol/wire/bundle.h"

#include "base/random.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE UINT64_C(0xcafeba00)
#define XA  UINT64_C(0xaaaaaa00)
#define XB  UINT64_C(0xbbbbbb00)

static const struct flock_id one = { ONE }, xa = { XA }, xb = { XB };

/* Key and tag that tell which entry they belong to, so that a wrong place shows. */
static void
entry_fill(uint8_t *at, struct flock_id flock, unsigned own, unsigned peer)
{
	memset(at, 0, BUNDLE_ENTRY_SIZE);
	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(flock.value >> (56 - 8 * i));
	at[8] = (uint8_t)own;
	at[9] = (uint8_t)peer;
	memcpy(at + 10, at, 10);
	memset(at + 20, 0x77, 22);
	memcpy(at + 42, at, 10);
	memset(at + 52, 0x99, 6);
}

static uint8_t *
head_fill(uint8_t *at)
{
	memset(at, 0x33, BUNDLE_HEAD_SIZE);
	memcpy(at, "\x07\xd0\x11\x22\x33\x44", 6);
	return at + BUNDLE_HEAD_SIZE;
}

/* A whole bundle in the order that the protocol's document gives; the caller frees it. */
static uint8_t *
whole_bundle(struct flock_id first, struct flock_id second, size_t *len)
{
	bool one_flock = first.value == second.value;
	uint8_t *bytes, *at;

	*len = one_flock ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE;
	bytes = malloc(*len);
	at = head_fill(bytes);
	for (unsigned x = 1; x <= 255; x++)
		for (unsigned y = one_flock ? x + 1 : 1; y <= 255; y++) {
			entry_fill(at, first, x, y);
			entry_fill(at + BUNDLE_ENTRY_SIZE, second, y, x);
			at += 2 * BUNDLE_ENTRY_SIZE;
		}
	assert_ptr_equal(at, bytes + *len);
	return bytes;
}

static void
expect_entry(const struct bundle_entry *e, struct flock_id flock, struct tunnel_id tunnel)
{
	uint8_t want[BUNDLE_ENTRY_SIZE];

	entry_fill(want, flock, tunnel_own(tunnel), tunnel_peer(tunnel));
	assert_true(e->flock.value == flock.value);
	assert_int_equal(e->tunnel.value, tunnel.value);
	assert_memory_equal(e->key, want + 10, 32);
	assert_memory_equal(e->tag, want + 42, 16);
}

/* The members one by one, as the slow but obvious answer. */
static unsigned
rank_counted(const struct kek_set *s, unsigned number)
{
	unsigned rank = 0;

	for (unsigned i = 1; i < number; i++)
		rank += kek_set_has(s, (uint8_t)i);
	return rank;
}

static struct random
new_random(void)
{
	struct random r;

	random_for_test(&r);
	return r;
}

/* About share of 256 of all numbers. */
static struct kek_set
random_set(struct random *r, uint32_t share)
{
	struct kek_set s = { { 0 } };

	for (unsigned i = 1; i <= 255; i++)
		if (random_below(r, 256) < share)
			kek_set_add(&s, (uint8_t)i);
	return s;
}

static void
sets_count_and_rank(void **state)
{
	struct random r = new_random();
	struct kek_set s = { { 0 } }, all = kek_set_all();

	(void)state;
	assert_int_equal(kek_set_count(&s), 0);
	kek_set_add(&s, 0);
	assert_int_equal(kek_set_count(&s), 0);
	assert_false(kek_set_has(&s, 0));
	assert_int_equal(kek_set_count(&all), 255);
	assert_false(kek_set_has(&all, 0));
	assert_int_equal(kek_set_rank(&all, 255), 254);

	for (uint32_t share = 0; share <= 256; share += 32) {
		s = random_set(&r, share);
		for (unsigned i = 0; i <= 255; i++)
			assert_int_equal(kek_set_rank(&s, (uint8_t)i), rank_counted(&s, i));
		assert_int_equal(kek_set_count(&s), rank_counted(&s, 256));
	}
}

static void
sizes_are_the_protocols(void **state)
{
	json_t *vectors = vectors_load("ambry.json");
	struct kek_set all = kek_set_all(), none = { { 0 } }, few = none;
	json_t *v;
	size_t i;

	(void)state;
	assert_int_equal(bundle_size(true, &all, &all),
	    vector_number(vector_object(vectors, "full_one_flock"), "bytes"));
	assert_int_equal(bundle_size(false, &all, &all),
	    vector_number(vector_object(vectors, "full_two_flocks"), "bytes"));
	assert_int_equal(BUNDLE_ONE_FLOCK_SIZE, 3756730);
	assert_int_equal(BUNDLE_TWO_FLOCKS_SIZE, 7542970);

	json_array_foreach(vector_list(vector_object(vectors, "few"), "numbers"), i, v)
	{
		kek_set_add(&few, (uint8_t)json_integer_value(v));
	}
	assert_int_equal(
	    bundle_size(true, &few, &none), vector_number(vector_object(vectors, "few"), "bytes"));
	assert_int_equal(bundle_size(true, &none, &all), 70);
	assert_int_equal(bundle_size(false, &none, &all), 70);
	assert_int_equal(bundle_size(false, &all, &none), 70);
	json_decref(vectors);
}

/* The head and the first entries of a whole bundle that another program made, as a slice. */
static void
expect_start(const json_t *v, struct flock_id a, struct flock_id b, size_t entries)
{
	struct kek_set in_a = { { 0 } }, in_b = { { 0 } };
	size_t size = BUNDLE_HEAD_SIZE + entries * BUNDLE_ENTRY_SIZE, len;
	uint8_t *bytes = malloc(size), again[BUNDLE_ENTRY_SIZE];
	struct bundle_head h = { .expires = (uint16_t)vector_number(v, "expires"),
		.generation = (uint32_t)vector_hex(v, "generation") };
	struct bundle_entry got;
	struct bundle parsed;
	struct fault why;

	vector_bytes(v, "seed", h.seed, sizeof(h.seed));
	bundle_head_encode(&h, bytes);
	for (size_t i = 0; i < entries; i++) {
		const json_t *e = json_array_get(vector_list(v, "first_entries"), i);
		uint8_t *entry = hex_alloc(json_string_value(e), &len);

		assert_int_equal(len, BUNDLE_ENTRY_SIZE);
		memcpy(bytes + BUNDLE_HEAD_SIZE + i * BUNDLE_ENTRY_SIZE, entry, len);
		free(entry);
	}

	kek_set_add(&in_a, 1);
	kek_set_add(flock_equal(a, b) ? &in_a : &in_b, 2);
	kek_set_add(&in_b, 1);
	if (!bundle_parse(&parsed, bytes, size, a, b, &in_a, &in_b, &why))
		fail_msg("%s", why.text);
	assert_int_equal(parsed.head.expires, h.expires);
	assert_int_equal(parsed.head.generation, h.generation);
	assert_memory_equal(parsed.head.seed, h.seed, sizeof(h.seed));

	/* 2 -> 1 of the second flock is the last entry of this slice. */
	assert_true(bundle_find(&parsed, b, tunnel_between(2, 1), &got));
	bundle_entry_encode(&got, again);
	assert_memory_equal(again, bytes + size - BUNDLE_ENTRY_SIZE, sizeof(again));
	free(bytes);
}

static void
starts_of_vectors_are_read(void **state)
{
	json_t *vectors = vectors_load("ambry.json");

	(void)state;
	expect_start(vector_object(vectors, "full_one_flock"), one, one, 2);
	expect_start(vector_object(vectors, "full_two_flocks"), xa, xb, 4);
	json_decref(vectors);
}

/* What bundle_find() has to say, from the rules alone. */
static bool
has_entry(const struct bundle *b, struct flock_id flock, struct tunnel_id t)
{
	uint8_t own = tunnel_own(t), peer = tunnel_peer(t);

	if (b->a.value == b->b.value)
		return flock.value == b->a.value && own != peer && kek_set_has(&b->in_a, own) &&
		       kek_set_has(&b->in_a, peer);
	if (flock.value == b->a.value)
		return kek_set_has(&b->in_a, own) && kek_set_has(&b->in_b, peer);
	return flock.value == b->b.value && kek_set_has(&b->in_b, own) &&
	       kek_set_has(&b->in_a, peer);
}

/* Every pair of numbers, 0 included, of the two flocks and of a strange one. */
static void
expect_every_find(const struct bundle *b)
{
	const struct flock_id flocks[] = { b->a, b->b, { UINT64_C(0xdeadbe00) }, { 0 } };
	size_t found = 0;

	for (unsigned f = flock_equal(b->a, b->b); f < 4; f++)
		for (unsigned t = 0; t <= UINT16_MAX; t++) {
			struct tunnel_id tunnel = { (uint16_t)t };
			struct bundle_entry e;

			if (bundle_find(b, flocks[f], tunnel, &e) !=
			    has_entry(b, flocks[f], tunnel))
				fail_msg("tunnel %04x of flock %" PRIx64, t, flocks[f].value);
			if (!has_entry(b, flocks[f], tunnel))
				continue;
			expect_entry(&e, flocks[f], tunnel);
			found++;
		}
	assert_int_equal(found, b->count);
}

/* The slice parses with its sets and knows of every pair what the whole knows. */
static void
expect_slice(const struct bundle *whole, const struct kek_set *in_a, const struct kek_set *in_b)
{
	bool one_flock = flock_equal(whole->a, whole->b);
	struct kek_set a = kek_set_both(in_a, &whole->in_a), b = kek_set_both(in_b, &whole->in_b);
	size_t size = bundle_size(one_flock, &a, &b);
	uint8_t *bytes = malloc(size);
	struct bundle slice;
	struct fault why;

	assert_int_equal(bundle_slice(whole, in_a, in_b, bytes, size - 1), 0);
	assert_int_equal(bundle_slice(whole, in_a, in_b, bytes, size), size);
	if (!bundle_parse(&slice, bytes, size, whole->a, whole->b, &a, &b, &why))
		fail_msg("%s", why.text);
	assert_int_equal(slice.count, (size - BUNDLE_HEAD_SIZE) / BUNDLE_ENTRY_SIZE);
	assert_int_equal(slice.head.generation, whole->head.generation);
	assert_true(slice.count == 0 || slice.b_first == whole->b_first);
	expect_every_find(&slice);
	free(bytes);
}

static void
expect_slices(const struct bundle *whole)
{
	struct random r = new_random();
	struct kek_set sets[6] = { { { 0 } }, { { 0 } }, { { 0 } }, random_set(&r, 128),
		random_set(&r, 16), kek_set_all() };

	kek_set_add(&sets[1], 1);
	kek_set_add(&sets[2], 255);
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 6; j++)
			if (!flock_equal(whole->a, whole->b) || i == j)
				expect_slice(whole, &sets[i], &sets[j]);
}

static void
slices_within_one_flock_find_the_same(void **state)
{
	size_t len;
	uint8_t *bytes = whole_bundle(one, one, &len);
	struct bundle b;
	struct fault why;

	(void)state;
	assert_true(bundle_parse_whole(&b, bytes, len, one, one, &why));
	assert_int_equal(b.count, 64770);
	assert_int_equal(b.head.expires, 2000);
	assert_int_equal(b.head.generation, 0x11223344);
	expect_every_find(&b);
	expect_slices(&b);
	free(bytes);
}

static void
slices_between_flocks_find_the_same(void **state)
{
	size_t len;
	uint8_t *bytes = whole_bundle(xa, xb, &len);
	struct bundle b;
	struct fault why;

	(void)state;
	assert_true(bundle_parse_whole(&b, bytes, len, xa, xb, &why));
	assert_int_equal(b.count, 130050);
	assert_false(b.b_first);
	expect_every_find(&b);
	expect_slices(&b);
	free(bytes);
}

/* The owner of either flock may have made the bundle: callers need not know which. */
static void
the_file_may_name_the_second_flock_first(void **state)
{
	size_t len;
	uint8_t *bytes = whole_bundle(xb, xa, &len);
	struct bundle b;
	struct fault why;

	(void)state;
	assert_true(bundle_parse_whole(&b, bytes, len, xa, xb, &why));
	assert_true(b.b_first);
	assert_true(flock_equal(b.a, xa) && flock_equal(b.b, xb));
	expect_every_find(&b);
	expect_slices(&b);
	free(bytes);
}

static void
slices_of_slices_are_slices(void **state)
{
	struct random r = new_random();
	struct kek_set p = random_set(&r, 100), q = random_set(&r, 100), some;
	size_t len, size;
	uint8_t *bytes = whole_bundle(xb, xa, &len), *part, *direct;
	struct bundle whole, slice;
	struct fault why;

	(void)state;
	assert_true(bundle_parse_whole(&whole, bytes, len, xa, xb, &why));
	size = bundle_size(false, &p, &q);
	part = malloc(size);
	assert_int_equal(bundle_slice(&whole, &p, &q, part, size), size);
	assert_true(bundle_parse(&slice, part, size, xa, xb, &p, &q, &why));

	some = random_set(&r, 128);
	expect_slice(&slice, &some, &some);

	/* A slice by all numbers is a copy. */
	direct = malloc(size);
	some = kek_set_all();
	assert_int_equal(bundle_slice(&slice, &some, &some, direct, size), size);
	assert_memory_equal(direct, part, size);
	free(direct);
	free(part);
	free(bytes);
}

static void
domains_do_not_matter(void **state)
{
	size_t len;
	uint8_t *bytes = whole_bundle(xa, xb, &len);
	struct bundle b;
	struct bundle_entry e;
	struct fault why;

	(void)state;
	assert_true(bundle_parse_whole(
	    &b, bytes, len, flock_with_domain(xa, 5), flock_with_domain(xb, 9), &why));
	assert_true(flock_equal(b.a, xa) && flock_equal(b.b, xb));
	assert_true(bundle_find(&b, flock_with_domain(xb, 7), tunnel_between(3, 4), &e));
	expect_entry(&e, xb, tunnel_between(3, 4));
	free(bytes);
}

static void
peek_tells_the_flocks(void **state)
{
	static const struct {
		struct flock_id first, second;
	} cases[] = { { { ONE }, { ONE } }, { { XA }, { XB } }, { { XB }, { XA } } };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len, two = BUNDLE_HEAD_SIZE + 2 * BUNDLE_ENTRY_SIZE;
		uint8_t *bytes = whole_bundle(cases[i].first, cases[i].second, &len);
		uint8_t *start = exact_copy(bytes, two), *less = exact_copy(bytes, two - 1);
		struct flock_id a, b;

		assert_true(bundle_peek(bytes, len, &a, &b));
		assert_true(bundle_peek(start, two, &a, &b));
		assert_true(flock_equal(a, cases[i].first) && flock_equal(b, cases[i].second));
		assert_false(bundle_peek(less, two - 1, &a, &b));
		assert_false(bundle_peek(less, 0, &a, &b));
		free(less);
		free(start);
		free(bytes);
	}
}

struct gathered {
	const uint8_t *entries; /* of the whole */
	uint8_t *out;
	size_t count, runs;
};

static bool
gather(void *arg, size_t place, size_t count)
{
	struct gathered *g = arg;

	memcpy(g->out + g->count * BUNDLE_ENTRY_SIZE, g->entries + place * BUNDLE_ENTRY_SIZE,
	    count * BUNDLE_ENTRY_SIZE);
	g->count += count;
	g->runs++;
	return true;
}

static bool
gather_no_more(void *arg, size_t place, size_t count)
{
	struct gathered *g = arg;

	(void)place;
	(void)count;
	return ++g->runs < 2;
}

/* By the outline alone: so the entries may be read from a file, run by run. */
static void
expect_runs(struct flock_id first, struct flock_id second, const struct kek_set *in, size_t runs)
{
	size_t len, size = bundle_size(flock_equal(first, second), in, in);
	uint8_t *bytes = whole_bundle(first, second, &len), *slice = malloc(size);
	uint8_t *beginning = exact_copy(bytes, BUNDLE_OUTLINE_SIZE);
	struct gathered g = { .entries = bytes + BUNDLE_HEAD_SIZE, .out = malloc(size) };
	struct bundle outline;

	assert_true(bundle_outline(&outline, beginning, BUNDLE_OUTLINE_SIZE, second, first));
	assert_true(outline.entries == NULL);
	assert_int_equal(outline.head.generation, 0x11223344);
	assert_int_equal(outline.count, (len - BUNDLE_HEAD_SIZE) / BUNDLE_ENTRY_SIZE);
	assert_true(bundle_runs(&outline, in, in, gather, &g));
	assert_int_equal(g.runs, runs);

	outline.entries = g.entries;
	assert_int_equal(bundle_slice(&outline, in, in, slice, size), size);
	assert_memory_equal(slice, bytes, BUNDLE_HEAD_SIZE);
	assert_memory_equal(slice + BUNDLE_HEAD_SIZE, g.out, size - BUNDLE_HEAD_SIZE);
	free(g.out);
	free(beginning);
	free(slice);
	free(bytes);
}

static void
slices_are_runs_of_entries(void **state)
{
	struct kek_set all = kek_set_all(), none = { { 0 } }, some = { { 0 } };
	uint8_t less[BUNDLE_OUTLINE_SIZE - 1] = { 0 };
	struct gathered g = { .count = 0 };
	struct bundle outline;

	(void)state;
	kek_set_add(&some, 1);
	kek_set_add(&some, 2);
	kek_set_add(&some, 3);
	kek_set_add(&some, 7);
	expect_runs(one, one, &all, 1);
	expect_runs(one, one, &none, 0);
	expect_runs(one, one, &some, 5); /* 12 13, 17, 23, 27, 37 */
	expect_runs(xa, xb, &some, 8);   /* of each: 1 2 3, then 7 */
	expect_runs(xb, xa, &some, 8);
	expect_runs(xb, xa, &all, 1);

	assert_false(bundle_outline(&outline, less, sizeof(less), one, one));
	assert_true(bundle_outline(
	    &outline, (const uint8_t[BUNDLE_OUTLINE_SIZE]){ 0 }, BUNDLE_OUTLINE_SIZE, one, one));
	assert_false(bundle_runs(&outline, &some, &some, gather_no_more, &g));
	assert_int_equal(g.runs, 2);
}

/* A slice of numbers 1 to 4: six tunnels, twelve entries. */
static const struct kek_set four = { { 0x1e } };

struct spoiling {
	size_t entry, at; /* which byte, counted from the entry's first */
	uint8_t value;
	const char *fault;
};

static void
expect_faults(struct flock_id a, struct flock_id b, const struct spoiling *cases, size_t count)
{
	size_t len, size = bundle_size(flock_equal(a, b), &four, &four);
	uint8_t *bytes = whole_bundle(a, b, &len), *slice = malloc(size);
	struct bundle whole, got = { .count = 7 };
	struct fault why;

	assert_true(bundle_parse_whole(&whole, bytes, len, a, b, &why));
	assert_int_equal(bundle_slice(&whole, &four, &four, slice, size), size);
	assert_true(bundle_parse(&whole, slice, size, a, b, &four, &four, &why));

	for (size_t i = 0; i < count; i++) {
		uint8_t *bad = exact_copy(slice, size);

		bad[BUNDLE_HEAD_SIZE + cases[i].entry * BUNDLE_ENTRY_SIZE + cases[i].at] =
		    cases[i].value;
		assert_false(bundle_parse(&got, bad, size, a, b, &four, &four, &why));
		assert_string_equal(why.text, cases[i].fault);
		assert_int_equal(got.count, 7); /* untouched */
		free(bad);
	}
	free(slice);
	free(bytes);
}

static void
wrong_entries_are_named(void **state)
{
	static const struct spoiling within_one[] = {
		{ 0, 9, 3, "entry 1: tunnel 0103 of flock cafeba00 where 0102 was expected" },
		{ 1, 8, 1, "entry 2: tunnel 0101 of flock cafeba00 where 0201 was expected" },
		{ 11, 9, 0, "entry 12: tunnel 0400 of flock cafeba00 where 0403 was expected" },
		{ 0, 7, 1,
		    "entry 1: tunnel 0102 of flock cafeba01 where 0102 of flock cafeba00 was "
		    "expected" },
		{ 11, 0, 0xff,
		    "entry 12: tunnel 0403 of flock ff000000cafeba00 where 0403 of flock cafeba00 "
		    "was expected" },
	};
	static const struct spoiling between_two[] = {
		{ 0, 4, 0xab,
		    "entry 1: tunnel 0101 of flock abaaaa00 where 0101 of flock aaaaaa00 was "
		    "expected" },
		{ 1, 4, 0xaa,
		    "entry 2: tunnel 0101 of flock aabbbb00 where 0101 of flock bbbbbb00 was "
		    "expected" },
		{ 2, 9, 1, "entry 3: tunnel 0101 of flock aaaaaa00 where 0102 was expected" },
		{ 31, 8, 5, "entry 32: tunnel 0504 of flock bbbbbb00 where 0404 was expected" },
	};

	(void)state;
	expect_faults(one, one, within_one, sizeof(within_one) / sizeof(within_one[0]));
	expect_faults(xa, xb, between_two, sizeof(between_two) / sizeof(between_two[0]));
}

static void
bundles_for_others_are_refused(void **state)
{
	size_t len;
	uint8_t *bytes = whole_bundle(xa, xb, &len);
	struct flock_id other = { UINT64_C(0xcccccc00) };
	struct bundle b;
	struct fault why;

	(void)state;
	assert_false(bundle_parse_whole(&b, bytes, len, xa, other, &why));
	assert_string_equal(why.text, "entry 2: tunnel 0101 of flock bbbbbb00 where 0101 of flock "
				      "cccccc00 was expected");
	assert_false(bundle_parse_whole(&b, bytes, len, other, xb, &why));
	assert_string_equal(why.text, "entry 1: tunnel 0101 of flock aaaaaa00 where 0101 of flock "
				      "cccccc00 was expected");
	assert_false(bundle_parse_whole(&b, bytes, len, xa, xa, &why));
	assert_string_equal(why.text, "7542970 bytes where 3756730 were expected");
	free(bytes);
}

static void
other_sizes_are_refused(void **state)
{
	static const struct {
		size_t len;
		const char *fault;
	} cases[] = {
		{ 0, "0 bytes where 766 were expected" },
		{ 69, "69 bytes where 766 were expected" },
		{ 70, "70 bytes where 766 were expected" },
		{ 765, "765 bytes where 766 were expected" },
		{ 767, "767 bytes where 766 were expected" },
		{ 766 + 58, "824 bytes where 766 were expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *bytes = malloc(cases[i].len);
		struct bundle b;
		struct fault why;

		memset(bytes, 0, cases[i].len);
		assert_false(bundle_parse(&b, bytes, cases[i].len, one, one, &four, &four, &why));
		assert_string_equal(why.text, cases[i].fault);
		free(bytes);
	}
}

static void
bundles_end_when_their_days_are_over(void **state)
{
	json_t *vectors = vectors_load("ambry.json"), *v;
	size_t i;

	(void)state;
	json_array_foreach(vector_list(vectors, "expiry"), i, v)
	{
		uint16_t expires = (uint16_t)vector_number(v, "expires");
		int64_t until = (int64_t)vector_number(v, "until");

		assert_true(bundle_ends(expires) == until);
		assert_false(bundle_expired(expires, until - 1));
		assert_false(bundle_expired(expires, until));
		assert_true(bundle_expired(expires, until + 1));
	}
	assert_true(bundle_ends(UINT16_MAX) == INT64_C(7360079580));
	assert_false(bundle_expired(0, INT64_MIN));
	assert_true(bundle_expired(UINT16_MAX, INT64_MAX));
	json_decref(vectors);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_count_and_rank),
		cmocka_unit_test(sizes_are_the_protocols),
		cmocka_unit_test(starts_of_vectors_are_read),
		cmocka_unit_test(slices_within_one_flock_find_the_same),
		cmocka_unit_test(slices_between_flocks_find_the_same),
		cmocka_unit_test(the_file_may_name_the_second_flock_first),
		cmocka_unit_test(slices_are_runs_of_entries),
		cmocka_unit_test(slices_of_slices_are_slices),
		cmocka_unit_test(domains_do_not_matter),
		cmocka_unit_test(peek_tells_the_flocks),
		cmocka_unit_test(wrong_entries_are_named),
		cmocka_unit_test(bundles_for_others_are_refused),
		cmocka_unit_test(other_sizes_are_refused),
		cmocka_unit_test(bundles_end_when_their_days_are_over),
	};

	return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
