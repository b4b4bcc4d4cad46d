/* SPDX-License-Identifier: ISC */
#include "cathedral/state/rhythm.h"

/* Devices speak every 5 s: what is due this long before the end is told before the end. */
#define SLACK_NS (5 * NS_PER_S)

/* A moment between from and to, any with the same chance. */
static uint64_t
between(uint64_t from, uint64_t to, uint64_t draw)
{
	return to <= from ? from : from + draw % (to - from);
}

/*
 * After a change the first refresh is anywhere in the period: those who came together, as all do
 * when a cathedral has been restarted, are apart from then on.
 */
static uint64_t
until_refresh(bool first, const struct rhythm_terms *terms)
{
	uint64_t least = RHYTHM_LEAST_NS;
	uint64_t last = terms->refresh_ns > least + SLACK_NS ? terms->refresh_ns - SLACK_NS : least;

	return between(
	    first || last < least + SLACK_NS ? least : last - SLACK_NS, last, terms->draw);
}

static enum tell
told(struct rhythm *r, enum tell what, uint64_t now_ns, const struct rhythm_terms *terms)
{
	r->next_ns = now_ns + RHYTHM_LEAST_NS;
	if (what != TELL_LATE)
		r->due_ns = now_ns + until_refresh(what != TELL_REFRESH, terms);
	return what;
}

/* Whether there is burst left for one more. */
static bool
at_once(struct rhythm *r, uint64_t now_ns)
{
	if (r->ahead_ns < now_ns)
		r->ahead_ns = now_ns;
	if (r->ahead_ns - now_ns > (RHYTHM_BURST - 1) * RHYTHM_LEAST_NS)
		return false;
	r->ahead_ns += RHYTHM_LEAST_NS;
	return true;
}

enum tell
rhythm_next(struct rhythm *r, bool changed, uint64_t now_ns, const struct rhythm_terms *terms)
{
	if (changed) {
		r->changes++;
		r->repeats = RHYTHM_REPEATS;
		if (at_once(r, now_ns))
			return told(r, TELL_CHANGE, now_ns, terms);
	}
	if (now_ns < r->next_ns)
		return TELL_NOBODY;
	if (r->repeats > 0) {
		r->repeats--;
		return told(r, TELL_AGAIN, now_ns, terms);
	}
	if (now_ns >= r->due_ns)
		return told(r, TELL_REFRESH, now_ns, terms);
	return terms->late ? told(r, TELL_LATE, now_ns, terms) : TELL_NOBODY;
}
