/* SPDX-License-Identifier: ISC */
#include "base/limiter.h"

#include "base/clock.h"
#include "base/seeded_hash.h"

#include <stdlib.h>

#define SLOTS 16384

struct slot {
	uint64_t seen_ns;
	uint64_t credit_ns;
};

struct limiter {
	struct hash_key hash;
	uint64_t cost_ns;
	uint64_t credit_max_ns;
	struct slot slots[SLOTS];
};

struct limiter *
limiter_create(uint32_t rate, uint32_t burst, struct random *r)
{
	return limiter_create_interval(NS_PER_S / (rate > 0 ? rate : 1), burst, r);
}

struct limiter *
limiter_create_interval(uint64_t interval_ns, uint32_t burst, struct random *r)
{
	struct limiter *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->hash = hash_key_new(r);
	l->cost_ns = interval_ns > 0 ? interval_ns : 1;
	l->credit_max_ns = l->cost_ns * (burst > 0 ? burst : 1);
	return l;
}

void
limiter_destroy(struct limiter *l)
{
	free(l);
}

static size_t
slot_of(const struct limiter *l, const void *key, size_t len)
{
	return seeded_hash(&l->hash, key, len) % SLOTS;
}

bool
limiter_allow(struct limiter *l, const void *key, size_t len, uint64_t now_ns)
{
	struct slot *s = &l->slots[slot_of(l, key, len)];

	/* A slot never used has all the credit there is. */
	if (s->seen_ns == 0)
		s->credit_ns = l->credit_max_ns;
	else
		s->credit_ns += now_ns - s->seen_ns;
	s->seen_ns = now_ns;
	if (s->credit_ns > l->credit_max_ns)
		s->credit_ns = l->credit_max_ns;
	if (s->credit_ns < l->cost_ns)
		return false;
	s->credit_ns -= l->cost_ns;
	return true;
}

uint64_t
limiter_wait_ns(const struct limiter *l, const void *key, size_t len, uint64_t now_ns)
{
	const struct slot *s = &l->slots[slot_of(l, key, len)];
	uint64_t credit = s->credit_ns + (now_ns - s->seen_ns);

	if (s->seen_ns == 0 || credit >= l->cost_ns)
		return 0;
	return l->cost_ns - credit;
}
