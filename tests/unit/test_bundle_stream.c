/* SPDX-License-Identifier: ISC */
#include "protocol/wire/bundle_stream.h"

#include "base/random.h"
#include "tests/support/seed.h"
#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct flock_id one = { UINT64_C(0xcafeba00) }, xa = { UINT64_C(0xaaaaaa00) },
			     xb = { UINT64_C(0xbbbbbb00) };

struct made {
	uint8_t *bytes;
	size_t len;
};

static uint8_t *
entry_write(uint8_t *at, struct flock_id flock, struct tunnel_id tunnel)
{
	struct bundle_entry e = { .flock = flock, .tunnel = tunnel, .key = { 0x77 } };

	bundle_entry_encode(&e, at);
	return at + BUNDLE_ENTRY_SIZE;
}

/* A whole bundle in the order that the protocol's document gives; the caller frees it. */
static struct made
whole_bundle(struct flock_id first, struct flock_id second)
{
	const struct bundle_head head = { 2000, 0x11223344, { 0x33 } };
	bool one_flock = flock_equal(first, second);
	struct made m = { .len = one_flock ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE };
	uint8_t *at = m.bytes = malloc(m.len);

	bundle_head_encode(&head, at);
	at += BUNDLE_HEAD_SIZE;
	for (unsigned x = 1; x <= 255; x++)
		for (unsigned y = one_flock ? x + 1 : 1; y <= 255; y++) {
			struct tunnel_id t = tunnel_between((uint8_t)x, (uint8_t)y);

			at = entry_write(at, first, t);
			at = entry_write(at, second, tunnel_reverse(t));
		}
	assert_ptr_equal(at, m.bytes + m.len);
	return m;
}

/* How a bundle is cut: pieces of size bytes, or by chance when size is 0. */
struct cut {
	size_t size;
	struct random *chance;
};

static size_t
piece_of(const struct cut *cut, size_t at, size_t len)
{
	static const uint32_t most[] = { 2, 80, 300, 5000, 100000 };
	size_t size = cut->size, left = len - at;

	/* What is between beginning and end is long, and all the same. */
	if (at > 100000 && left > 200000)
		return 65536;
	if (size == 0)
		size = random_below(cut->chance, most[random_below(cut->chance, 5)]);
	return size < left ? size : left;
}

/* Every piece in a buffer of its own size, when it is not tiny work for the allocator. */
static bool
take_piece(struct bundle_stream *s, const uint8_t *at, size_t len, struct fault *why)
{
	uint8_t *piece;
	bool ok;

	if (len < BUNDLE_ENTRY_SIZE)
		return bundle_stream_take(s, at, len, why);
	piece = exact_copy(at, len);
	ok = bundle_stream_take(s, piece, len, why);
	free(piece);
	return ok;
}

static bool
check(struct bundle_stream *s, const struct made *m, const struct cut *cut, struct fault *why)
{
	for (size_t at = 0; at < m->len;) {
		size_t piece = piece_of(cut, at, m->len);

		if (!take_piece(s, m->bytes + at, piece, why))
			return false;
		at += piece;
	}
	return bundle_stream_end(s, why);
}

static const size_t sizes[] = { 0, 1, 57, 58, 59, 69, 70, 71, 127, 128, 129, 4096, 32768,
	SIZE_MAX };

#define SIZES     (sizeof(sizes) / sizeof(sizes[0]))
#define FEW_SIZES 4

static void
whole_bundles_are_taken_in_any_pieces(void **state)
{
	static const struct {
		struct flock_id first, second; /* in the file */
		struct flock_id a, b;          /* asked for */
		bool b_first;
		uint64_t entries;
	} cases[] = {
		{ { 0xcafeba00 }, { 0xcafeba00 }, { 0xcafeba00 }, { 0xcafeba00 }, false, 64770 },
		{ { 0xcafeba00 }, { 0xcafeba00 }, { 0xcafeba01 }, { 0xcafebaff }, false, 64770 },
		{ { 0xaaaaaa00 }, { 0xbbbbbb00 }, { 0xaaaaaa00 }, { 0xbbbbbb00 }, false, 130050 },
		{ { 0xaaaaaa00 }, { 0xbbbbbb00 }, { 0xbbbbbb07 }, { 0xaaaaaa09 }, true, 130050 },
	};
	struct random chance;

	(void)state;
	random_for_test(&chance);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made m = whole_bundle(cases[i].first, cases[i].second);

		for (size_t n = 0; n < (i == 0 ? SIZES : FEW_SIZES); n++) {
			const struct cut cut = { sizes[n], &chance };
			struct bundle_stream s;
			struct fault why;

			bundle_stream_begin(&s, cases[i].a, cases[i].b);
			if (!check(&s, &m, &cut, &why))
				fail_msg("in pieces of %zu: %s", cut.size, why.text);
			assert_int_equal(s.head.expires, 2000);
			assert_int_equal(s.head.generation, 0x11223344);
			assert_memory_equal(s.head.seed, m.bytes + 6, 64);
			assert_int_equal(s.place, cases[i].entries);
			assert_int_equal(s.taken, m.len);
			assert_int_equal(s.b_first, cases[i].b_first);
		}
		free(m.bytes);
	}
}

struct spoiling {
	size_t entry, at; /* which byte, counted from the entry's first */
	uint8_t value;
	const char *fault;
};

static void
expect_faults(struct flock_id a, struct flock_id b, const struct spoiling *cases, size_t count)
{
	struct made m = whole_bundle(a, b);
	struct random chance;

	random_from_seed(&chance, 1);
	for (size_t i = 0; i < count; i++) {
		size_t entry = BUNDLE_HEAD_SIZE + cases[i].entry * BUNDLE_ENTRY_SIZE;
		uint8_t was = m.bytes[entry + cases[i].at];

		m.bytes[entry + cases[i].at] = cases[i].value;
		for (size_t n = 0; n < (cases[i].entry < 600 ? SIZES : FEW_SIZES); n++) {
			const struct cut cut = { sizes[n], &chance };
			struct bundle_stream s;
			struct fault why, still;

			bundle_stream_begin(&s, a, b);
			assert_false(check(&s, &m, &cut, &why));
			assert_string_equal(why.text, cases[i].fault);
			assert_int_equal(s.place, cases[i].entry);
			/* And ever after. */
			assert_false(bundle_stream_take(&s, m.bytes, 1, &still));
			assert_string_equal(still.text, why.text);
			assert_false(bundle_stream_take(&s, NULL, 0, &still));
			assert_false(bundle_stream_end(&s, &still));
			assert_string_equal(still.text, why.text);
		}
		m.bytes[entry + cases[i].at] = was;
	}
	free(m.bytes);
}

static void
wrong_entries_are_named(void **state)
{
	static const struct spoiling within_one[] = {
		{ 0, 9, 3, "entry 1: tunnel 0103 of flock cafeba00 where 0102 was expected" },
		{ 1, 8, 1, "entry 2: tunnel 0101 of flock cafeba00 where 0201 was expected" },
		{ 507, 9, 0, "entry 508: tunnel ff00 of flock cafeba00 where ff01 was expected" },
		{ 508, 8, 1, "entry 509: tunnel 0103 of flock cafeba00 where 0203 was expected" },
		{ 0, 7, 1,
		    "entry 1: tunnel 0102 of flock cafeba01 where 0102 of flock cafeba00 was "
		    "expected" },
		{ 64769, 9, 0xfd,
		    "entry 64770: tunnel fffd of flock cafeba00 where fffe was expected" },
	};
	static const struct spoiling between_two[] = {
		{ 0, 4, 0xab,
		    "entry 1: tunnel 0101 of flock abaaaa00 where 0101 of flock aaaaaa00 was "
		    "expected" },
		{ 1, 4, 0xaa,
		    "entry 2: tunnel 0101 of flock aabbbb00 where 0101 of flock bbbbbb00 was "
		    "expected" },
		{ 510, 8, 1, "entry 511: tunnel 0101 of flock aaaaaa00 where 0201 was expected" },
		{ 130049, 0, 0x80,
		    "entry 130050: tunnel ffff of flock 80000000bbbbbb00 where ffff of flock "
		    "bbbbbb00 was expected" },
	};

	(void)state;
	expect_faults(one, one, within_one, sizeof(within_one) / sizeof(within_one[0]));
	expect_faults(xa, xb, between_two, sizeof(between_two) / sizeof(between_two[0]));
}

static void
other_sizes_are_refused(void **state)
{
	static const struct {
		size_t len;
		const char *fault;
	} cases[] = {
		{ 0, "0 bytes where 3756730 were expected" },
		{ 1, "1 bytes where 3756730 were expected" },
		{ 70, "70 bytes where 3756730 were expected" },
		{ 71, "71 bytes where 3756730 were expected" },
		{ 3756729, "3756729 bytes where 3756730 were expected" },
		{ 3756731, "more than the 3756730 bytes that were expected" },
		{ 3756730 + 58, "more than the 3756730 bytes that were expected" },
	};
	struct made m = whole_bundle(one, one);

	(void)state;
	m.bytes = realloc(m.bytes, 3756730 + 58);
	memcpy(m.bytes + 3756730, m.bytes + 3756730 - 58, 58);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t n = 1; n < FEW_SIZES; n++) {
			struct made part = { m.bytes, cases[i].len };
			const struct cut cut = { sizes[n], NULL };
			struct bundle_stream s;
			struct fault why;

			bundle_stream_begin(&s, one, one);
			assert_false(check(&s, &part, &cut, &why));
			assert_string_equal(why.text, cases[i].fault);
		}
	free(m.bytes);
}

static void
bundles_for_others_are_refused(void **state)
{
	struct made m = whole_bundle(xa, xb);
	const struct flock_id other = { UINT64_C(0xcccccc00) };
	const struct {
		struct flock_id a, b;
		const char *fault;
	} cases[] = {
		{ xa, other,
		    "entry 2: tunnel 0101 of flock bbbbbb00 where 0101 of flock cccccc00 was "
		    "expected" },
		{ other, xb,
		    "entry 1: tunnel 0101 of flock aaaaaa00 where 0101 of flock cccccc00 was "
		    "expected" },
		{ xa, xa, "entry 1: tunnel 0101 of flock aaaaaa00 where 0102 was expected" },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct cut cut = { 4096, NULL };
		struct bundle_stream s;
		struct fault why;

		bundle_stream_begin(&s, cases[i].a, cases[i].b);
		assert_false(check(&s, &m, &cut, &why));
		assert_string_equal(why.text, cases[i].fault);
	}
	free(m.bytes);
}

/* A byte of a bundle: what counts most of the time, anything sometimes. */
static uint8_t *
some_byte(const struct made *m, struct random *chance)
{
	uint32_t entries = (uint32_t)((m->len - BUNDLE_HEAD_SIZE) / BUNDLE_ENTRY_SIZE);
	size_t entry = random_below(chance, random_below(chance, 4) > 0 ? 600 : entries);
	size_t byte = random_below(chance, random_below(chance, 4) > 0 ? 10 : BUNDLE_ENTRY_SIZE);

	return m->bytes + BUNDLE_HEAD_SIZE + entry * BUNDLE_ENTRY_SIZE + byte;
}

static void
expect_same_verdict(const struct made *m, struct flock_id a, struct flock_id b, struct cut *cut)
{
	struct bundle_stream s;
	struct bundle whole;
	struct fault why = { "" }, why_whole = { "" };
	bool ok = bundle_parse_whole(&whole, m->bytes, m->len, a, b, &why_whole);

	bundle_stream_begin(&s, a, b);
	assert_int_equal(check(&s, m, cut, &why), ok);
	if (ok) {
		assert_int_equal(s.head.generation, whole.head.generation);
		assert_int_equal(s.b_first, whole.b_first);
	} else if (strncmp(why_whole.text, "entry", 5) == 0) {
		assert_string_equal(why.text, why_whole.text);
	}
}

static void
any_pieces_of_anything_get_the_verdict_of_the_whole(void **state)
{
	struct made m = whole_bundle(one, one);
	struct random chance;
	struct cut cut = { 0, &chance };

	(void)state;
	random_for_test(&chance);
	for (unsigned n = 0; n < 100; n++) {
		uint8_t *byte = some_byte(&m, &chance), was = *byte;
		struct made part = m;

		if (random_below(&chance, 8) > 0)
			*byte = (uint8_t)random_u64(&chance);
		if (random_below(&chance, 16) == 0)
			part.len -= 1 + random_below(&chance, 200);
		expect_same_verdict(&part, one, one, &cut);
		*byte = was;
	}
	free(m.bytes);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_bundles_are_taken_in_any_pieces),
		cmocka_unit_test(wrong_entries_are_named),
		cmocka_unit_test(other_sizes_are_refused),
		cmocka_unit_test(bundles_for_others_are_refused),
		cmocka_unit_test(any_pieces_of_anything_get_the_verdict_of_the_whole),
	};

	return cmocka_run_group_tests_name("bundle_stream", tests, NULL, NULL);
}
