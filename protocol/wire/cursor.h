/* SPDX-License-Identifier: ISC */
/*
 * The one place where lengths are checked.  The first step past the end sticks: what is read from
 * then on is zero, and cursor_done() / cursor_ok() say so once, at the end.
 */
#ifndef PROTOCOL_WIRE_CURSOR_H
#define PROTOCOL_WIRE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *at;
	size_t left;
	bool failed;
};

static inline struct cursor
cursor_over(const void *data, size_t len)
{
	return (struct cursor){ .at = data, .left = len };
}

static inline void
cursor_take(struct cursor *c, void *out, size_t len)
{
	if (c->failed || len > c->left) {
		c->failed = true;
		memset(out, 0, len);
		return;
	}
	memcpy(out, c->at, len);
	c->at += len;
	c->left -= len;
}

static inline void
cursor_skip(struct cursor *c, size_t len)
{
	if (c->failed || len > c->left) {
		c->failed = true;
		return;
	}
	c->at += len;
	c->left -= len;
}

static inline uint8_t
cursor_u8(struct cursor *c)
{
	uint8_t b;

	cursor_take(c, &b, 1);
	return b;
}

static inline uint16_t
cursor_be16(struct cursor *c)
{
	uint8_t b[2];

	cursor_take(c, b, 2);
	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t
cursor_be32(struct cursor *c)
{
	uint8_t b[4];

	cursor_take(c, b, 4);
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t
cursor_be64(struct cursor *c)
{
	uint64_t high = cursor_be32(c);

	return high << 32 | cursor_be32(c);
}

static inline uint32_t
cursor_le32(struct cursor *c)
{
	uint8_t b[4];

	cursor_take(c, b, 4);
	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* Nothing was missing; what is left over does not matter. */
static inline bool
cursor_ok(const struct cursor *c)
{
	return !c->failed;
}

/* Nothing was missing and nothing is left over. */
static inline bool
cursor_done(const struct cursor *c)
{
	return !c->failed && c->left == 0;
}

/* The writing side: the same rules. */
struct writer {
	uint8_t *at;
	size_t left;
	bool failed;
};

static inline struct writer
writer_over(void *data, size_t len)
{
	return (struct writer){ .at = data, .left = len };
}

static inline void
writer_put(struct writer *w, const void *data, size_t len)
{
	if (w->failed || len > w->left) {
		w->failed = true;
		return;
	}
	memcpy(w->at, data, len);
	w->at += len;
	w->left -= len;
}

static inline void
writer_u8(struct writer *w, uint8_t v)
{
	writer_put(w, &v, 1);
}

static inline void
writer_be16(struct writer *w, uint16_t v)
{
	writer_put(w, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static inline void
writer_be32(struct writer *w, uint32_t v)
{
	writer_be16(w, (uint16_t)(v >> 16));
	writer_be16(w, (uint16_t)v);
}

static inline void
writer_be64(struct writer *w, uint64_t v)
{
	writer_be32(w, (uint32_t)(v >> 32));
	writer_be32(w, (uint32_t)v);
}

static inline void
writer_le32(struct writer *w, uint32_t v)
{
	writer_put(w,
	    (uint8_t[]){ (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) },
	    4);
}

/* Zeros up to the end. */
static inline void
writer_fill(struct writer *w)
{
	memset(w->at, 0, w->left);
	w->at += w->left;
	w->left = 0;
}

#endif
