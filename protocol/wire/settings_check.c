/* SPDX-License-Identifier: ISC */
#include "protocol/wire/settings_check.h"

#include <inttypes.h>
#include <stdlib.h>

/* Something that may stand once only, and where it stands. */
struct mention {
	uint64_t a, b;
	unsigned line;
};

static int
mention_order(const void *x, const void *y)
{
	const struct mention *m = x, *n = y;

	if (m->a != n->a)
		return m->a < n->a ? -1 : 1;
	if (m->b != n->b)
		return m->b < n->b ? -1 : 1;
	return (m->line > n->line) - (m->line < n->line);
}

/* Sorts; returns the one of the repeated mentions that comes first in the text, or NULL. */
static const struct mention *
mentions_repeated(struct mention *m, size_t count)
{
	const struct mention *first = NULL;

	qsort(m, count, sizeof(*m), mention_order);
	for (size_t i = 1; i < count; i++)
		if (m[i].a == m[i - 1].a && m[i].b == m[i - 1].b &&
		    (first == NULL || m[i].line < first->line))
			first = &m[i];
	return first;
}

static bool
mentions_have(const struct mention *sorted, size_t count, uint64_t a)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted[middle].a == a)
			return true;
		if (sorted[middle].a < a)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static bool
flocks_check(const struct settings *s, struct mention *m, struct fault *why)
{
	const struct mention *twice;

	for (size_t i = 0; i < s->flock_count; i++)
		m[i] = (struct mention){ s->flocks[i].id.value, 0, s->flocks[i].line };
	twice = mentions_repeated(m, s->flock_count);
	if (twice != NULL) {
		fault_set(
		    why, "flock %" PRIx64 " stands on line %u already", twice->a, twice[-1].line);
		return fault_prefix(why, "line %u", twice->line);
	}

	for (size_t i = 0; i < s->xflock_count; i++) {
		const struct settings_xflock *x = &s->xflocks[i];
		bool has_a = mentions_have(m, s->flock_count, x->a.value);

		if (has_a && mentions_have(m, s->flock_count, x->b.value))
			continue;
		fault_set(why, "xflock of flock %" PRIx64 ", which is not in this file",
		    has_a ? x->b.value : x->a.value);
		return fault_prefix(why, "line %u", x->line);
	}
	return true;
}

static bool
xflocks_check(const struct settings *s, struct mention *m, struct fault *why)
{
	const struct mention *twice;

	for (size_t i = 0; i < s->xflock_count; i++) {
		const struct settings_xflock *x = &s->xflocks[i];
		bool ordered = x->a.value < x->b.value;

		m[i].a = ordered ? x->a.value : x->b.value;
		m[i].b = ordered ? x->b.value : x->a.value;
		m[i].line = x->line;
	}
	twice = mentions_repeated(m, s->xflock_count);
	if (twice == NULL)
		return true;
	fault_set(why, "xflock %" PRIx64 " %" PRIx64 " stands on line %u already", twice->a,
	    twice->b, twice[-1].line);
	return fault_prefix(why, "line %u", twice->line);
}

static bool
peers_check(const struct settings *s, struct mention *m, struct fault *why)
{
	const struct mention *twice;

	for (size_t i = 0; i < s->peer_count; i++) {
		uint8_t ip[4];

		endpoint_ipv4(&s->peers[i].at, ip);
		m[i].a =
		    (uint64_t)ip[0] << 24 | (uint64_t)ip[1] << 16 | (uint64_t)ip[2] << 8 | ip[3];
		m[i].b = s->peers[i].at.port;
		m[i].line = s->peers[i].line;
	}
	twice = mentions_repeated(m, s->peer_count);
	if (twice == NULL)
		return true;
	fault_set(why, "this cathedral stands on line %u already", twice[-1].line);
	return fault_prefix(why, "line %u", twice->line);
}

bool
settings_check(const struct settings *s, struct fault *why)
{
	size_t most = s->flock_count;
	struct mention *m;
	bool ok;

	if (most < s->xflock_count)
		most = s->xflock_count;
	if (most < s->peer_count)
		most = s->peer_count;
	m = calloc(most + 1, sizeof(*m));
	if (m == NULL)
		return fault_set(why, "out of memory");

	ok = flocks_check(s, m, why) && xflocks_check(s, m, why) && peers_check(s, m, why);
	free(m);
	return ok;
}
