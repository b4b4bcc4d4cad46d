/* SPDX-License-Identifier: ISC */
#include "cathedral/state/peer_stats.h"

#include <stdlib.h>

struct peer_stats *
peer_stats_create(void)
{
	struct peer_stats *p = calloc(1, sizeof(*p));

	if (p != NULL)
		atomic_init(&p->hurries, PEER_HURRIES);
	return p;
}

static uint64_t
get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void
set(_Atomic uint64_t *value, uint64_t to)
{
	atomic_store_explicit(value, to, memory_order_relaxed);
}

/* We missed what it told: ask for it, and until the answer may be there ask fast. */
static void
ask(struct peer_stats *p)
{
	atomic_fetch_add_explicit(&p->ask, 1, memory_order_relaxed);
	atomic_store_explicit(&p->hurries, PEER_HURRIES, memory_order_relaxed);
	set(&p->greet_ns, 0);
}

/* Something authentic came from it: when that is its first word, or after a silence, both ends
 * have missed things. */
static void
heard(struct peer_stats *p, uint64_t now_ns)
{
	uint64_t before = atomic_exchange_explicit(&p->heard_ns, now_ns, memory_order_relaxed);

	if (before != 0 && now_ns < before + PEER_SILENCE_NS)
		return;
	peer_missed(p, now_ns);
	ask(p);
}

void
peer_missed(struct peer_stats *p, uint64_t now_ns)
{
	set(&p->late_ns, now_ns + PEER_LATE_NS);
}

bool
peer_is_late(struct peer_stats *p, uint64_t now_ns)
{
	uint64_t late_ns = get(&p->late_ns);

	if (late_ns == 0)
		peer_missed(p, now_ns);
	return late_ns == 0 || now_ns < late_ns;
}

bool
peer_speaks(const struct peer_stats *p, uint64_t now_ns)
{
	uint64_t letter_ns = get(&p->letter_ns);

	return letter_ns != 0 && now_ns < letter_ns + PEER_SPEAKS_NS;
}

void
peer_heard_plain(struct peer_stats *p, uint64_t now_ns)
{
	uint64_t letter_ns = get(&p->letter_ns);

	heard(p, now_ns);
	if (letter_ns == 0 || now_ns < letter_ns + PEER_OVERDUE_NS)
		return;
	/* It is another program now, and has not read what was written to it since. */
	set(&p->letter_ns, 0);
	peer_missed(p, now_ns);
}

void
peer_heard_letter(struct peer_stats *p, uint64_t instance, uint64_t now_ns)
{
	uint64_t before = atomic_exchange_explicit(&p->instance, instance, memory_order_relaxed);

	heard(p, now_ns);
	if (get(&p->letter_ns) == 0)
		set(&p->greet_ns, 0);
	set(&p->letter_ns, now_ns);
	if (before == instance)
		return;
	/* It has been started anew, and knows neither what was told nor who we are. */
	peer_missed(p, now_ns);
	set(&p->greet_ns, 0);
}

void
peer_heard_hello(struct peer_stats *p, uint32_t asked, uint64_t now_ns)
{
	if (atomic_exchange_explicit(&p->asked, asked, memory_order_relaxed) != asked)
		peer_missed(p, now_ns);
}

/* It is there, and writes no letters.  Were it one of ours, it would have said hello itself. */
static bool
is_plain(const struct peer_stats *p, uint64_t now_ns)
{
	uint64_t heard_ns = get(&p->heard_ns);

	return get(&p->letter_ns) == 0 && heard_ns != 0 && now_ns < heard_ns + PEER_SILENCE_NS;
}

static uint64_t
hello_period_ns(const struct peer_stats *p, uint32_t hurries, uint64_t now_ns)
{
	bool missed = get(&p->instance) != 0 && now_ns >= get(&p->heard_ns) + PEER_SILENCE_NS;

	if (hurries > 0 || missed)
		return PEER_HURRY_NS;
	return is_plain(p, now_ns) ? PEER_PLAIN_NS : PEER_HELLO_NS;
}

bool
peer_greet(struct peer_stats *p, uint64_t now_ns)
{
	uint32_t hurries = atomic_load_explicit(&p->hurries, memory_order_relaxed);

	if (now_ns < get(&p->greet_ns))
		return false;
	if (hurries > 0)
		atomic_store_explicit(&p->hurries, hurries - 1, memory_order_relaxed);
	set(&p->greet_ns, now_ns + hello_period_ns(p, hurries, now_ns));
	return true;
}
