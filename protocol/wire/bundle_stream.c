/* SPDX-License-Identifier: ISC */
#include "protocol/wire/bundle_stream.h"

#include "protocol/wire/cursor.h"

#include <inttypes.h>

static bool
within_one_flock(const struct bundle_stream *s)
{
	return flock_equal(s->a, s->b);
}

static size_t
size_of_whole(const struct bundle_stream *s)
{
	return within_one_flock(s) ? BUNDLE_ONE_FLOCK_SIZE : BUNDLE_TWO_FLOCKS_SIZE;
}

void
bundle_stream_begin(struct bundle_stream *s, struct flock_id a, struct flock_id b)
{
	*s = (struct bundle_stream){ .a = flock_base(a), .b = flock_base(b) };
	s->own = KEK_NUMBER_MIN;
	s->peer = within_one_flock(s) ? KEK_NUMBER_MIN + 1 : KEK_NUMBER_MIN;
}

static bool
again(const struct bundle_stream *s, struct fault *why)
{
	*why = s->fault;
	return false;
}

static void
head_take(struct bundle_stream *s, struct cursor *c)
{
	s->head.expires = cursor_be16(c);
	s->head.generation = cursor_be32(c);
	cursor_take(c, s->head.seed, sizeof(s->head.seed));
}

/* One direction of a tunnel as it has to come next. */
struct expected {
	struct flock_id flock;
	struct tunnel_id tunnel;
};

static struct expected
expected_next(const struct bundle_stream *s)
{
	/* The second direction is that of the side which is not named first. */
	bool of_b = s->b_first != s->answered;
	struct tunnel_id tunnel = tunnel_between(s->own, s->peer);

	return (
	    struct expected){ of_b ? s->b : s->a, s->answered ? tunnel_reverse(tunnel) : tunnel };
}

static void
advance(struct bundle_stream *s)
{
	s->place++;
	s->answered = !s->answered;
	if (s->answered)
		return;
	if (s->peer != KEK_NUMBER_MAX) {
		s->peer++;
		return;
	}
	s->own++;
	s->peer = within_one_flock(s) ? (uint8_t)(s->own + 1) : KEK_NUMBER_MIN;
}

static bool
entry_refuse(struct bundle_stream *s, const struct expected *want, uint64_t flock, uint16_t tunnel)
{
	if (flock != want->flock.value)
		return fault_set(&s->fault,
		    "entry %" PRIu64 ": tunnel %04x of flock %" PRIx64
		    " where %04x of flock %" PRIx64 " was expected",
		    s->place + 1, tunnel, flock, want->tunnel.value, want->flock.value);
	return fault_set(&s->fault,
	    "entry %" PRIu64 ": tunnel %04x of flock %" PRIx64 " where %04x was expected",
	    s->place + 1, tunnel, flock, want->tunnel.value);
}

static bool
entry_take(struct bundle_stream *s, struct cursor *c)
{
	uint64_t flock = cursor_be64(c);
	uint16_t tunnel = cursor_be16(c);
	struct expected want;

	cursor_skip(c, BUNDLE_ENTRY_SIZE - 8 - 2);
	if (s->place == 0)
		s->b_first = flock == s->b.value && !within_one_flock(s);
	want = expected_next(s);
	if (flock != want.flock.value || tunnel != want.tunnel.value)
		return entry_refuse(s, &want, flock, tunnel);
	advance(s);
	return true;
}

/* A head or an entry that comes in more than one piece is put together in s->rest. */
static bool
rest_take(struct bundle_stream *s, struct cursor *c, size_t whole)
{
	size_t lacks = whole - s->rest_len, piece = c->left < lacks ? c->left : lacks;
	struct cursor rest = cursor_over(s->rest, whole);

	cursor_take(c, s->rest + s->rest_len, piece);
	s->rest_len += piece;
	if (s->rest_len < whole)
		return true;
	s->rest_len = 0;
	if (whole == BUNDLE_ENTRY_SIZE)
		return entry_take(s, &rest);
	head_take(s, &rest);
	return true;
}

static bool
pieces_take(struct bundle_stream *s, struct cursor *c, bool head_comes)
{
	if (head_comes && !rest_take(s, c, BUNDLE_HEAD_SIZE))
		return false;
	if (s->rest_len > 0 && c->left > 0 && !rest_take(s, c, BUNDLE_ENTRY_SIZE))
		return false;
	while (c->left >= BUNDLE_ENTRY_SIZE) {
		if (!entry_take(s, c))
			return false;
	}
	return c->left == 0 || rest_take(s, c, BUNDLE_ENTRY_SIZE);
}

bool
bundle_stream_take(struct bundle_stream *s, const uint8_t *bytes, size_t len, struct fault *why)
{
	struct cursor c = cursor_over(bytes, len);
	bool head_comes = s->taken < BUNDLE_HEAD_SIZE;

	if (s->failed)
		return again(s, why);
	if (len == 0)
		return true;
	if (len > size_of_whole(s) - s->taken) {
		fault_set(
		    &s->fault, "more than the %zu bytes that were expected", size_of_whole(s));
		s->failed = true;
		return again(s, why);
	}
	s->taken += len;
	if (pieces_take(s, &c, head_comes))
		return true;
	s->failed = true;
	return again(s, why);
}

bool
bundle_stream_end(const struct bundle_stream *s, struct fault *why)
{
	if (s->failed)
		return again(s, why);
	if (s->taken != size_of_whole(s))
		return fault_set(
		    why, "%" PRIu64 " bytes where %zu were expected", s->taken, size_of_whole(s));
	return true;
}
