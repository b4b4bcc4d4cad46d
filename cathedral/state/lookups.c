/* SPDX-License-Identifier: ISC */
#include "cathedral/state/lookups.h"

#include "base/clock.h"
#include "base/seeded_hash.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * A slot per hash of source and identity, and the scanner goes round the slots.  When more comes
 * for a slot than the scanner looks at, chance decides, so that nobody is kept out for good.
 */
struct slot {
	uint32_t offered; /* since it was last looked at; 0: nothing waits here */
	struct lookup what;
};

struct lookups {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct hash_key hash;
	struct random random;
	size_t slot_count, waiting, hand;
	bool stopped;
	struct slot slots[];
};

struct lookups *
lookups_create(size_t slots, struct random *r)
{
	struct lookups *l = calloc(1, sizeof(*l) + slots * sizeof(struct slot));

	if (l == NULL)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	condition_open(&l->more);
	l->hash = hash_key_new(r);
	random_split(&l->random, r);
	l->slot_count = slots;
	return l;
}

void
lookups_destroy(struct lookups *l)
{
	if (l == NULL)
		return;
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool
lookups_offer(struct lookups *l, const struct lookup *what)
{
	struct {
		uint8_t source[16];
		struct flock_id own, other;
		struct device_id device;
		uint16_t tunnel;
		uint8_t kind, part;
	} place = { .kind = (uint8_t)what->kind };
	size_t bytes = offsetof(struct lookup, bytes) + what->len;
	struct slot *slot;
	bool first;

	endpoint_source(&what->from, place.source);
	if (what->kind == LOOKUP_AMBRY) {
		place.own = what->own;
		place.other = what->other;
		place.device = what->device;
		place.tunnel = what->tunnel.value;
	} else {
		place.part = what->bytes[0] % LOOKUPS_PER_SOURCE;
	}
	slot = &l->slots[seeded_hash(&l->hash, &place, sizeof(place)) % l->slot_count];
	pthread_mutex_lock(&l->lock);
	first = slot->offered++ == 0;
	if (first && l->waiting++ == 0)
		pthread_cond_signal(&l->more);
	/* Of all that come before the next look each stays with the same chance. */
	if (first || random_below(&l->random, slot->offered) == 0)
		memcpy(&slot->what, what, bytes);
	pthread_mutex_unlock(&l->lock);
	return first;
}

static void
wait_locked(struct lookups *l, unsigned wait_ms)
{
	uint64_t now_ns = clock_now().mono_ns, until_ns = now_ns + wait_ms * NS_PER_MS;

	while (l->waiting == 0 && !l->stopped && now_ns < until_ns) {
		condition_wait_ns(&l->more, &l->lock, until_ns - now_ns);
		now_ns = clock_now().mono_ns;
	}
}

static void
take_locked(struct lookups *l, struct lookup *ret)
{
	struct slot *slot;

	while (l->slots[l->hand].offered == 0)
		l->hand = (l->hand + 1) % l->slot_count;
	slot = &l->slots[l->hand];
	memcpy(ret, &slot->what, offsetof(struct lookup, bytes) + slot->what.len);
	slot->offered = 0;
	l->hand = (l->hand + 1) % l->slot_count;
	l->waiting--;
}

size_t
lookups_next(struct lookups *l, struct lookup *ret, size_t most, unsigned wait_ms)
{
	size_t taken = 0;

	pthread_mutex_lock(&l->lock);
	if (wait_ms > 0)
		wait_locked(l, wait_ms);
	while (taken < most && l->waiting > 0 && !l->stopped)
		take_locked(l, &ret[taken++]);
	pthread_mutex_unlock(&l->lock);
	return taken;
}

void
lookups_stop(struct lookups *l)
{
	pthread_mutex_lock(&l->lock);
	l->stopped = true;
	pthread_cond_broadcast(&l->more);
	pthread_mutex_unlock(&l->lock);
}

void
lookups_go_on(struct lookups *l)
{
	pthread_mutex_lock(&l->lock);
	l->stopped = false;
	pthread_mutex_unlock(&l->lock);
}

bool
lookups_stopped(struct lookups *l)
{
	bool stopped;

	pthread_mutex_lock(&l->lock);
	stopped = l->stopped;
	pthread_mutex_unlock(&l->lock);
	return stopped;
}
