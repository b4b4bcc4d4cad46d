/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/used_days.h"

#include "base/seeded_hash.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SLOTS  65536 /* tokens that share one share its hour, and lose nothing but time */
#define HOUR_S 3600
#define DAY_S  86400

struct used_days {
	struct writer *writer;
	struct hash_key key;
	/* When the slot's token may be noted again, in monotonic seconds, and some of its hash. */
	_Atomic uint64_t slots[SLOTS];
};

/* Lives until it is done: the request that brought it is long gone by then. */
struct used_job {
	struct job job;
	struct account_id account;
	uint64_t token;
	int64_t day;
};

struct used_days *
used_days_create(struct writer *writer, struct random *random)
{
	struct used_days *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->writer = writer;
	d->key = hash_key_new(random);
	return d;
}

void
used_days_destroy(struct used_days *d)
{
	free(d);
}

/* Another token's note makes room for this one's. */
static bool
hour_take(struct used_days *d, const struct caller *who, uint64_t now_s)
{
	const int64_t name[2] = { who->account.value, (int64_t)who->token };
	uint64_t hash = seeded_hash(&d->key, name, sizeof(name));
	uint32_t mark = (uint32_t)(hash >> 32);
	_Atomic uint64_t *slot = &d->slots[hash % SLOTS];
	uint64_t old = atomic_load_explicit(slot, memory_order_relaxed);
	uint64_t new = (uint64_t)mark << 32 | (uint32_t)(now_s + HOUR_S);

	if ((uint32_t)(old >> 32) == mark && now_s < (uint32_t)old)
		return false;
	return atomic_compare_exchange_strong_explicit(
	    slot, &old, new, memory_order_relaxed, memory_order_relaxed);
}

static bool
used_work(struct job *job, struct session *store, struct random *random)
{
	const struct used_job *u = (const struct used_job *)job;

	(void)random;
	return token_used(store, u->account, u->token, u->day) == STORE_OK;
}

static void
used_done(struct job *job, enum store_result result)
{
	(void)result;
	free(job);
}

void
used_days_note(struct used_days *d, const struct caller *who, struct instant now)
{
	int64_t day = now.wall_s / DAY_S;
	struct used_job *u;

	if (who->used_day >= day || !hour_take(d, who, now.mono_ns / NS_PER_S))
		return;
	u = malloc(sizeof(*u));
	if (u == NULL)
		return;
	*u = (struct used_job){ .job = { .work = used_work, .done = used_done },
		.account = who->account,
		.token = who->token,
		.day = day };
	if (!writer_submit(d->writer, &u->job))
		free(u);
}
