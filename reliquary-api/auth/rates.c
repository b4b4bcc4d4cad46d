/* SPDX-License-Identifier: ISC */
#include "reliquary-api/auth/rates.h"

#include "base/clock.h"
#include "base/limiter.h"

#include <pthread.h>
#include <stdlib.h>

struct rates {
	struct bucket {
		pthread_mutex_t lock;
		struct limiter *limiter; /* NULL: no limit */
		uint64_t latest_ns;
	} classes[RATE_COUNT];
};

static bool
bucket_open(struct bucket *b, const struct rate *limit, struct random *random)
{
	if (limit->per_minute == 0)
		return true;
	b->limiter =
	    limiter_create_interval(60 * NS_PER_S / limit->per_minute, limit->burst, random);
	return b->limiter != NULL;
}

struct rates *
rates_create(const struct rate limits[static RATE_COUNT], struct random *random)
{
	struct rates *r = calloc(1, sizeof(*r));
	bool ok = r != NULL;

	for (size_t i = 0; r != NULL && i < RATE_COUNT; i++) {
		pthread_mutex_init(&r->classes[i].lock, NULL);
		ok = ok && bucket_open(&r->classes[i], &limits[i], random);
	}
	if (ok)
		return r;
	rates_destroy(r);
	return NULL;
}

void
rates_destroy(struct rates *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < RATE_COUNT; i++) {
		limiter_destroy(r->classes[i].limiter);
		pthread_mutex_destroy(&r->classes[i].lock);
	}
	free(r);
}

bool
rates_take(struct rates *r, enum rate_class class, const struct endpoint *from, uint64_t now_ns,
    unsigned *retry_after_s)
{
	struct bucket *b = &r->classes[class];
	uint8_t source[16];
	uint64_t wait_ns = 0;
	bool ok;

	if (b->limiter == NULL)
		return true;
	endpoint_source(from, source);
	pthread_mutex_lock(&b->lock);
	/* Threads may come here in another order than they looked at the clock. */
	if (now_ns > b->latest_ns)
		b->latest_ns = now_ns;
	ok = limiter_allow(b->limiter, source, sizeof(source), b->latest_ns);
	if (!ok)
		wait_ns = limiter_wait_ns(b->limiter, source, sizeof(source), b->latest_ns);
	pthread_mutex_unlock(&b->lock);
	if (!ok)
		*retry_after_s = (unsigned)((wait_ns + NS_PER_S - 1) / NS_PER_S);
	return ok;
}
