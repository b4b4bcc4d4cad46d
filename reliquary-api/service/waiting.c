/* SPDX-License-Identifier: ISC */
#include "reliquary-api/service/waiting.h"

#include "base/thread.h"
#include "reliquary-api/store/feed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* While somebody waits: how often to look for changes that others made, and for whose time is over.
 */
#define LOOK_EVERY_NS (NS_PER_S / 4)

#define RINGS 256 /* by owner, so that all of one are found at once */

struct waiting {
	struct waiting_options o;
	struct session *session;
	pthread_t thread;
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t changed;
	struct waiter *rings[RINGS]; /* the last that came is the first of each */
	uint64_t count;
	uint64_t last;  /* the number of the last change */
	uint64_t woken; /* and of that which those who waited were woken for */
	bool told;      /* of a commit that may have changed something */
	bool ending, ended;
};

/* Names are the operator's: nobody seeks such that meet. */
static struct waiter **
ring_of(struct waiting *w, const char *owner)
{
	uint32_t sum = 0;

	for (const char *c = owner; *c != '\0'; c++)
		sum = 31 * sum + (unsigned char)*c;
	return &w->rings[sum % RINGS];
}

static void
link_in(struct waiter **list, struct waiter *i)
{
	i->next = *list;
	i->link = list;
	if (i->next != NULL)
		i->next->link = &i->next;
	*list = i;
}

static void
link_out(struct waiter *i)
{
	*i->link = i->next;
	if (i->next != NULL)
		i->next->link = i->link;
}

static void
add(struct waiting *w, struct waiter *i)
{
	link_in(ring_of(w, i->owner), i);
	w->count++;
	counts_add(&w->o.counts->waiting, 1);
}

static void
remove_one(struct waiting *w, struct waiter *i)
{
	link_out(i);
	w->count--;
	atomic_fetch_sub_explicit(&w->o.counts->waiting, 1, memory_order_relaxed);
}

/* Moves all, or those whose time is over, to a list of their own. */
static struct waiter *
take(struct waiting *w, bool all, uint64_t now_ns)
{
	struct waiter *taken = NULL, *next;

	for (size_t r = 0; r < RINGS && w->count > 0; r++) {
		for (struct waiter *i = w->rings[r]; i != NULL; i = next) {
			next = i->next;
			if (!all && i->until_ns > now_ns)
				continue;
			remove_one(w, i);
			link_in(&taken, i);
		}
	}
	return taken;
}

/* The one that waits for the longest, when its owner has enough of them; or NULL. */
static struct waiter *
take_excess(struct waiting *w, const char *owner)
{
	struct waiter *oldest = NULL;
	unsigned count = 0;

	for (struct waiter *i = *ring_of(w, owner); i != NULL; i = i->next) {
		if (strcmp(i->owner, owner) != 0)
			continue;
		oldest = i;
		count++;
	}
	if (count < WAITING_EACH)
		return NULL;
	remove_one(w, oldest);
	return oldest;
}

/* A waiter may be gone once its wake() was called. */
static void
wake(struct waiter *first, bool over)
{
	struct waiter *next;

	for (struct waiter *i = first; i != NULL; i = next) {
		next = i->next;
		i->wake(i, over);
	}
}

/* Until something changed, or the end, or the time to look around.  Holds the lock. */
static void
sleep_well(struct waiting *w)
{
	if (w->ending || w->told)
		return;
	if (w->count == 0)
		pthread_cond_wait(&w->changed, &w->lock);
	else
		condition_wait_ns(&w->changed, &w->lock, LOOK_EVERY_NS);
}

/* What was changed, by whomever.  Lets go of the lock meanwhile. */
static void
look_around(struct waiting *w)
{
	uint64_t last, forgotten;
	enum store_result result;

	w->told = false;
	pthread_mutex_unlock(&w->lock);
	result = change_bounds(w->session, &last, &forgotten);
	pthread_mutex_lock(&w->lock);
	if (result == STORE_OK && last > w->last)
		w->last = last;
}

static void *
waiting_run(void *arg)
{
	struct waiting *w = arg;
	struct waiter *news, *over;
	bool ending;

	thread_name("waiting");
	pthread_mutex_lock(&w->lock);
	do {
		sleep_well(w);
		look_around(w);
		ending = w->ending;
		over = take(w, ending, w->o.clock().mono_ns);
		news = w->last != w->woken ? take(w, true, 0) : NULL;
		w->woken = w->last;
		pthread_mutex_unlock(&w->lock);
		wake(over, true);
		wake(news, false);
		pthread_mutex_lock(&w->lock);
	} while (!ending);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void
waiting_free(struct waiting *w)
{
	session_close(w->session);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

struct waiting *
waiting_create(const struct waiting_options *o, struct fault *why)
{
	struct waiting *w = calloc(1, sizeof(*w));
	uint64_t forgotten;

	if (w == NULL) {
		fault_set(why, "not enough memory for those who wait");
		return NULL;
	}
	w->o = *o;
	pthread_mutex_init(&w->lock, NULL);
	condition_open(&w->changed);
	w->session = session_open_reader(o->store, why);
	if (w->session == NULL) {
		waiting_free(w);
		return NULL;
	}
	if (change_bounds(w->session, &w->last, &forgotten) != STORE_OK)
		fault_set(why, "the changes cannot be read");
	else if (!thread_start(&w->thread, waiting_run, w))
		fault_set(why, "the thread for those who wait cannot be started");
	else
		return w;
	waiting_free(w);
	return NULL;
}

uint64_t
waiting_seen(struct waiting *w)
{
	uint64_t last;

	pthread_mutex_lock(&w->lock);
	last = w->last;
	pthread_mutex_unlock(&w->lock);
	return last;
}

enum waiting_answer
waiting_add(struct waiting *w, struct waiter *waiter, uint64_t seen)
{
	enum waiting_answer answer = WAITING_YES;
	struct waiter *excess = NULL;

	pthread_mutex_lock(&w->lock);
	if (w->ending) {
		answer = WAITING_OVER;
	} else if (w->last != seen) {
		answer = WAITING_NEWS;
	} else {
		if (w->count == 0)
			pthread_cond_signal(&w->changed);
		excess = take_excess(w, waiter->owner);
		add(w, waiter);
	}
	pthread_mutex_unlock(&w->lock);
	if (excess != NULL)
		excess->wake(excess, true);
	return answer;
}

void
waiting_news(struct waiting *w, uint64_t number)
{
	pthread_mutex_lock(&w->lock);
	if (number > w->last) {
		w->told = true;
		pthread_cond_signal(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
}

void
waiting_end(struct waiting *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void
waiting_destroy(struct waiting *w)
{
	if (w == NULL)
		return;
	waiting_end(w);
	pthread_join(w->thread, NULL);
	waiting_free(w);
}
