/* SPDX-License-Identifier: ISC */
#include "protocol/wire/letter.h"

#include "protocol/wire/kind.h"

#include <assert.h>
#include <string.h>

/* ---- header ---- */

/*
 * To a cathedral that knows no letters this is data between devices, with the zeros where the
 * flocks would be: a flock that nobody has, so that it drops them before it does anything else.
 */
#define ZEROS_1 6  /* up to where data has its flocks */
#define ZEROS_2 16 /* the two flocks */

_Static_assert(8 + 1 + 1 + ZEROS_1 + ZEROS_2 + LETTER_SEED_SIZE == LETTER_HEADER_SIZE,
    "parts of a letter's header");

static bool
all_zero(struct cursor *c, size_t len)
{
	uint8_t any = 0;

	while (len-- > 0)
		any |= cursor_u8(c);
	return any == 0;
}

bool
letter_header_decode(struct letter_header *ret, const uint8_t *packet, size_t len)
{
	struct cursor c = cursor_over(packet, len);
	struct letter_header h;
	bool right = cursor_be64(&c) == MAGIC_LETTER;

	h.version = cursor_u8(&c);
	h.kind = cursor_u8(&c);
	right = all_zero(&c, ZEROS_1 + ZEROS_2) && right;
	cursor_take(&c, h.seed, sizeof(h.seed));

	if (!right || !cursor_ok(&c))
		return false;
	*ret = h;
	return true;
}

void
letter_header_encode(const struct letter_header *h, uint8_t out[static LETTER_HEADER_SIZE])
{
	static const uint8_t zeros[ZEROS_1 + ZEROS_2];
	struct writer w = writer_over(out, LETTER_HEADER_SIZE);

	writer_be64(&w, MAGIC_LETTER);
	writer_u8(&w, h->version);
	writer_u8(&w, h->kind);
	writer_put(&w, zeros, sizeof(zeros));
	writer_put(&w, h->seed, sizeof(h->seed));
}

/* ---- body ---- */

void
letter_head_read(struct cursor *c, struct letter_head *ret)
{
	ret->timestamp = cursor_be64(c);
	ret->instance = cursor_be64(c);
}

void
letter_head_write(struct writer *w, const struct letter_head *head)
{
	writer_be64(w, head->timestamp);
	writer_be64(w, head->instance);
}

uint32_t
letter_asked_read(struct cursor *c)
{
	return cursor_be32(c);
}

void
letter_asked_write(struct writer *w, uint32_t asked)
{
	writer_be32(w, asked);
}

/* ---- data without its zeros: how many are left out, how many bytes follow, those ---- */

#define RUN_MAX 255

static void
sparse_read(struct cursor *c, uint8_t data[static OFFER_DATA_SIZE])
{
	struct writer w = writer_over(data, OFFER_DATA_SIZE);

	memset(data, 0, OFFER_DATA_SIZE);
	while (c->left > 0 && !c->failed && !w.failed) {
		uint8_t run[RUN_MAX], skip = cursor_u8(c), count = cursor_u8(c);
		static const uint8_t zeros[RUN_MAX];

		cursor_take(c, run, count);
		writer_put(&w, zeros, skip);
		writer_put(&w, run, count);
	}
	c->failed = c->failed || w.failed;
}

/* How many bytes from here on are zero, or are not; the latter with single zeros among them. */
static size_t
zeros_at(const uint8_t *data, size_t left)
{
	size_t n = 0;

	while (n < left && n < RUN_MAX && data[n] == 0)
		n++;
	return n;
}

static size_t
bytes_at(const uint8_t *data, size_t left)
{
	size_t n = 0;

	/* A gap of two zeros costs what a new run costs. */
	while (n < left && n < RUN_MAX && zeros_at(data + n, left - n) < 3)
		n++;
	return n;
}

static void
sparse_write(struct writer *w, const uint8_t data[static OFFER_DATA_SIZE])
{
	size_t end = OFFER_DATA_SIZE, at = 0;

	while (end > 0 && data[end - 1] == 0)
		end--;
	while (at < end) {
		size_t skip = zeros_at(data + at, end - at);
		size_t count = bytes_at(data + at + skip, end - at - skip);

		writer_u8(w, (uint8_t)skip);
		writer_u8(w, (uint8_t)count);
		writer_put(w, data + at + skip, count);
		at += skip + count;
	}
}

/* ---- leaves ---- */

#define FLAG_OTHER_FLOCK 0x01u /* dst is not src and follows it */
#define FLAG_SIGNED      0x02u
#define FLAGS_KNOWN      0x03u

void
letter_leaf_read(struct cursor *c, struct letter_leaf *ret)
{
	size_t len = cursor_be16(c);
	struct cursor leaf = cursor_over(c->at, len);
	uint8_t flags;

	cursor_skip(c, len);
	if (c->failed)
		leaf = cursor_over(c->at, 0);
	flags = cursor_u8(&leaf);
	ret->src.value = cursor_be64(&leaf);
	ret->dst = ret->src;
	if (flags & FLAG_OTHER_FLOCK)
		ret->dst.value = cursor_be64(&leaf);
	ret->device.value = cursor_be32(&leaf);
	ret->is_signed = (flags & FLAG_SIGNED) != 0;
	memset(ret->extra, 0, sizeof(ret->extra));
	if (ret->is_signed)
		cursor_take(&leaf, ret->extra, sizeof(ret->extra));
	sparse_read(&leaf, ret->data);
	c->failed = c->failed || leaf.failed || (flags & ~FLAGS_KNOWN) != 0;
}

void
letter_leaf_write(struct writer *w, const struct letter_leaf *leaf)
{
	uint8_t bytes[LETTER_LEAF_MAX];
	struct writer to = writer_over(bytes, sizeof(bytes));
	bool other = leaf->dst.value != leaf->src.value;
	size_t len;

	writer_u8(
	    &to, (uint8_t)((other ? FLAG_OTHER_FLOCK : 0) | (leaf->is_signed ? FLAG_SIGNED : 0)));
	writer_be64(&to, leaf->src.value);
	if (other)
		writer_be64(&to, leaf->dst.value);
	writer_be32(&to, leaf->device.value);
	if (leaf->is_signed)
		writer_put(&to, leaf->extra, sizeof(leaf->extra));
	sparse_write(&to, leaf->data);
	assert(!to.failed);

	len = sizeof(bytes) - to.left;
	if (w->failed || 2 + len > w->left) {
		w->failed = true;
		return;
	}
	writer_be16(w, (uint16_t)len);
	writer_put(w, bytes, len);
}
