/* SPDX-License-Identifier: ISC */
/*
 * Whole bundles in pieces: the verdict has to be the one about the same bytes in memory.  The input
 * changes a bundle that is right, so that every entry is reached:
 *
 *     kind       u8   0 within one flock, 1 between two, 2 the same asked for the other way round,
 *                     3 for others
 *     length     i16  bytes that lack, or are too many
 *     count      u8   of pieces, then each one's size (u16); what lies between them and the same
 *                     sizes once more at the end comes in one piece
 *     changes         until the input ends: entry (u24), byte in it (u8), what it is xored with
 * (u8)
 */
#include "protocol/wire/bundle_stream.h"
#include "protocol/wire/cursor.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define MORE_MAX    INT16_MAX
#define PIECES_MAX  255
#define CHANGES_MAX 64

/* A bundle that is right, with room behind it. */
struct specimen {
	uint8_t *bytes;
	size_t len;
};

static struct specimen
specimen_make(struct flock_id a, struct flock_id b)
{
	bool one_flock = flock_equal(a, b);
	struct specimen s = { .len = one_flock ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE };
	uint8_t *at = s.bytes = calloc(1, s.len + MORE_MAX);

	fuzz_expect(at != NULL);
	at += BUNDLE_HEAD_SIZE;
	for (unsigned x = 1; x <= 255; x++)
		for (unsigned y = one_flock ? x + 1 : 1; y <= 255; y++) {
			struct bundle_entry e = { a, { (uint16_t)(x << 8 | y) }, { 0 }, { 0 } };

			bundle_entry_encode(&e, at);
			e.flock = b;
			e.tunnel = tunnel_reverse(e.tunnel);
			bundle_entry_encode(&e, at + BUNDLE_ENTRY_SIZE);
			at += 2 * BUNDLE_ENTRY_SIZE;
		}
	fuzz_expect(at == s.bytes + s.len);
	return s;
}

struct trial {
	struct flock_id a, b;
	uint8_t *bytes;
	size_t len;
	uint16_t pieces[PIECES_MAX];
	size_t piece_count;
};

struct change {
	size_t at;
	uint8_t mask;
};

/* One piece, in a buffer of its own. */
static bool
piece_take(struct bundle_stream *s, const uint8_t *at, size_t len, struct fault *why)
{
	uint8_t *exact = malloc(len);
	bool ok;

	fuzz_expect(exact != NULL || len == 0);
	if (len > 0)
		memcpy(exact, at, len);
	ok = bundle_stream_take(s, exact, len, why);
	free(exact);
	return ok;
}

/* The pieces of the list, as far as there are bytes for them; returns how many bytes they had. */
static size_t
pieces_take(struct bundle_stream *s, const struct trial *t, size_t at, struct fault *why)
{
	size_t begun = at;

	for (size_t i = 0; i < t->piece_count; i++) {
		size_t left = t->len - at, piece = t->pieces[i] < left ? t->pieces[i] : left;

		(void)piece_take(s, t->bytes + at, piece, why);
		at += piece;
	}
	return at - begun;
}

static bool
in_pieces(struct bundle_stream *s, const struct trial *t, struct fault *why)
{
	size_t at, total = 0, middle;

	for (size_t i = 0; i < t->piece_count; i++)
		total += t->pieces[i];
	bundle_stream_begin(s, t->a, t->b);
	at = pieces_take(s, t, 0, why);
	middle = t->len - at > total ? t->len - at - total : 0;
	(void)bundle_stream_take(s, t->bytes + at, middle, why);
	at += middle;
	at += pieces_take(s, t, at, why);
	(void)bundle_stream_take(s, t->bytes + at, t->len - at, why);
	return bundle_stream_end(s, why);
}

static void
expect_same_verdict(const struct trial *t)
{
	struct fault why = { "" }, why_whole = { "" };
	struct bundle_stream s;
	struct bundle whole;
	bool ok = bundle_parse_whole(&whole, t->bytes, t->len, t->a, t->b, &why_whole);

	fuzz_expect(in_pieces(&s, t, &why) == ok);
	if (ok) {
		fuzz_expect(s.head.expires == whole.head.expires);
		fuzz_expect(s.head.generation == whole.head.generation);
		fuzz_expect(memcmp(s.head.seed, whole.head.seed, sizeof(s.head.seed)) == 0);
		fuzz_expect(s.b_first == whole.b_first && s.place == whole.count);
		return;
	}
	fuzz_expect(why.text[0] != '\0');
	if (strncmp(why_whole.text, "entry ", 6) == 0)
		fuzz_expect(strcmp(why.text, why_whole.text) == 0);
}

static const struct specimen *
trial_kind(struct trial *t, uint8_t kind)
{
	static const struct flock_id one = { 0xcafeba00 }, xa = { 0xaaaaaa00 }, xb = { 0xbbbbbb00 };
	static struct specimen within, between;

	if (within.bytes == NULL) {
		within = specimen_make(one, one);
		between = specimen_make(xa, xb);
	}
	t->a = kind % 4 == 2 ? xb : xa;
	t->b = kind % 4 == 2 ? xa : xb;
	if (kind % 4 == 0)
		t->a = t->b = one;
	if (kind % 4 == 3)
		t->b = one;
	return kind % 4 == 0 ? &within : &between;
}

static size_t
changes_read(struct cursor *c, struct change *changes, size_t len)
{
	size_t entries = (len - BUNDLE_HEAD_SIZE) / BUNDLE_ENTRY_SIZE, count = 0;

	while (count < CHANGES_MAX) {
		size_t high = cursor_be16(c), entry = high << 8 | cursor_u8(c);
		size_t byte = cursor_u8(c) % BUNDLE_ENTRY_SIZE;
		uint8_t mask = cursor_u8(c);

		if (!cursor_ok(c))
			break;
		changes[count].at = BUNDLE_HEAD_SIZE + entry % entries * BUNDLE_ENTRY_SIZE + byte;
		changes[count++].mask = mask;
	}
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cursor c = cursor_over(data, len);
	struct trial t = { .piece_count = 0 };
	const struct specimen *s = trial_kind(&t, cursor_u8(&c));
	int16_t more = (int16_t)cursor_be16(&c);
	struct change changes[CHANGES_MAX];
	size_t count;

	t.piece_count = cursor_u8(&c);
	for (size_t i = 0; i < t.piece_count; i++)
		t.pieces[i] = cursor_be16(&c);
	if (!cursor_ok(&c))
		return 0;
	t.bytes = s->bytes;
	t.len = (size_t)((long)s->len + more);
	count = changes_read(&c, changes, s->len);
	for (size_t i = 0; i < count; i++)
		t.bytes[changes[i].at] ^= changes[i].mask;
	expect_same_verdict(&t);
	for (size_t i = 0; i < count; i++)
		t.bytes[changes[i].at] ^= changes[i].mask;
	return 0;
}
