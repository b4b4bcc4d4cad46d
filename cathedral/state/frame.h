/* SPDX-License-Identifier: ISC */
/*
 * How what one cathedral knows is told to the next, over a socket or in a file: frames of a kind, a
 * version of that kind, and a body.  Who does not know a kind, or the version, leaves the frame out
 * or, when it is needed, refuses all of it; nobody guesses.
 */
#ifndef CATHEDRAL_STATE_FRAME_H
#define CATHEDRAL_STATE_FRAME_H

#include "protocol/wire/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD 12
#define FRAME_MAX  32768 /* with its head */
#define FRAME_BODY (FRAME_MAX - FRAME_HEAD)

struct frame {
	uint16_t kind, version;
	bool needed; /* without it all the rest means nothing, or would do harm */
	const uint8_t *body;
	size_t len;
};

/* The head of a frame whose body has len bytes. */
static inline void
frame_head(uint8_t at[static FRAME_HEAD], uint16_t kind, uint16_t version, bool needed, size_t len)
{
	struct writer w = writer_over(at, FRAME_HEAD);

	writer_be16(&w, kind);
	writer_be16(&w, version);
	writer_be32(&w, needed ? 1 : 0);
	writer_be32(&w, (uint32_t)len);
}

/* Takes one off; its body is borrowed.  False when there is no whole one, or it is none. */
static inline bool
frame_take(struct frame *ret, struct cursor *c)
{
	struct frame f;
	uint32_t needed;

	f.kind = cursor_be16(c);
	f.version = cursor_be16(c);
	needed = cursor_be32(c);
	f.needed = needed == 1;
	f.len = cursor_be32(c);
	f.body = c->at;
	if (needed > 1 || f.len > FRAME_BODY)
		return false;
	cursor_skip(c, f.len);
	if (!cursor_ok(c))
		return false;
	*ret = f;
	return true;
}

#endif
