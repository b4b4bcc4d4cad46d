/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/desks.h"

#include "protocol/crypto/secret.h"

#include <pthread.h>
#include <stdlib.h>

struct desks {
	pthread_mutex_t lock;
	struct desk *free; /* the one used last on top: its session's pages are still at hand */
	unsigned count;
	struct desk all[];
};

struct desks *
desks_create(struct store *store, unsigned count, struct random *random, struct fault *why)
{
	struct desks *d = calloc(1, sizeof(*d) + count * sizeof(d->all[0]));

	if (d == NULL) {
		fault_set(why, "not enough memory for %u readers", count);
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	d->count = count;
	for (unsigned n = 0; n < count; n++) {
		random_split(&d->all[n].random, random);
		d->all[n].session = session_open_reader(store, why);
		if (d->all[n].session == NULL) {
			desks_destroy(d);
			return NULL;
		}
		desks_return(d, &d->all[n]);
	}
	return d;
}

void
desks_destroy(struct desks *d)
{
	if (d == NULL)
		return;
	for (unsigned n = 0; n < d->count; n++) {
		session_close(d->all[n].session);
		secret_wipe(&d->all[n].random, sizeof(d->all[n].random));
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct desk *
desks_take(struct desks *d)
{
	struct desk *desk;

	pthread_mutex_lock(&d->lock);
	desk = d->free;
	if (desk != NULL)
		d->free = desk->next;
	pthread_mutex_unlock(&d->lock);
	return desk;
}

void
desks_return(struct desks *d, struct desk *desk)
{
	pthread_mutex_lock(&d->lock);
	desk->next = d->free;
	d->free = desk;
	pthread_mutex_unlock(&d->lock);
}
