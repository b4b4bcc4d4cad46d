/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/lane.h"

#include <stddef.h>

void
lane_open(struct lane *l, unsigned most)
{
	*l = (struct lane){ .most = most };
	l->end = &l->first;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->changed, NULL);
}

void
lane_close(struct lane *l)
{
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
}

bool
lane_put(struct lane *l, struct lane_item *item)
{
	bool fits;

	pthread_mutex_lock(&l->lock);
	fits = !l->ending && l->waiting < l->most;
	if (fits) {
		item->next = NULL;
		*l->end = item;
		l->end = &item->next;
		l->waiting++;
		pthread_cond_signal(&l->changed);
	}
	pthread_mutex_unlock(&l->lock);
	return fits;
}

/* At least one waits. */
static struct lane_item *
take_some(struct lane *l, unsigned most, unsigned *count)
{
	struct lane_item *first = l->first, *last = first;

	for (*count = 1; *count < most && last->next != NULL; ++*count)
		last = last->next;
	l->first = last->next;
	if (l->first == NULL)
		l->end = &l->first;
	last->next = NULL;
	l->waiting -= *count;
	return first;
}

struct lane_item *
lane_take(struct lane *l, unsigned most, unsigned *count)
{
	struct lane_item *taken = NULL;

	*count = 0;
	pthread_mutex_lock(&l->lock);
	while (l->first == NULL && !l->ending)
		pthread_cond_wait(&l->changed, &l->lock);
	if (l->first != NULL)
		taken = take_some(l, most, count);
	pthread_mutex_unlock(&l->lock);
	return taken;
}

void
lane_end(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}
