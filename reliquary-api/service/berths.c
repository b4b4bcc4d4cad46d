/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/berths.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct berths {
	pthread_mutex_t lock;
	unsigned count, taken, each;
	struct account_id who[]; /* those taken come first */
};

struct berths *
berths_create(unsigned count)
{
	struct berths *b = calloc(1, sizeof(*b) + count * sizeof(b->who[0]));

	if (b == NULL)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	b->count = count;
	b->each = (count + 3) / 4;
	return b;
}

void
berths_destroy(struct berths *b)
{
	if (b == NULL)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* For one that has so many. */
static bool
is_free(const struct berths *b, unsigned own)
{
	if (own == 0)
		return b->taken < b->count;
	return own < b->each && b->taken < b->count / 2;
}

bool
berths_take(struct berths *b, struct account_id account)
{
	unsigned own = 0;
	bool free_one;

	pthread_mutex_lock(&b->lock);
	for (unsigned n = 0; n < b->taken; n++)
		own += b->who[n].value == account.value;
	free_one = is_free(b, own);
	if (free_one)
		b->who[b->taken++] = account;
	pthread_mutex_unlock(&b->lock);
	return free_one;
}

void
berths_leave(struct berths *b, struct account_id account)
{
	unsigned n = 0;

	pthread_mutex_lock(&b->lock);
	while (n < b->taken && b->who[n].value != account.value)
		n++;
	assert(n < b->taken);
	b->who[n] = b->who[--b->taken];
	pthread_mutex_unlock(&b->lock);
}
