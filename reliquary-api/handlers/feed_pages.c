/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/feed_pages.h"

#include <pthread.h>
#include <stdlib.h>

#define PAGES      4
#define BYTES_MOST (16u << 20) /* of all of them */

struct place {
	struct feed_page page;
	struct shared_text *text; /* NULL: empty */
};

struct feed_pages {
	pthread_mutex_t lock;
	struct place places[PAGES];
	size_t next; /* where the next goes, which is where the oldest is */
};

struct feed_pages *
feed_pages_create(void)
{
	struct feed_pages *p = calloc(1, sizeof(*p));

	if (p != NULL)
		pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void
clear(struct place *place)
{
	shared_text_release(place->text);
	place->text = NULL;
}

void
feed_pages_destroy(struct feed_pages *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < PAGES; i++)
		clear(&p->places[i]);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static bool
is_same(const struct feed_page *a, const struct feed_page *b)
{
	return a->since == b->since && a->begun == b->begun && a->last == b->last &&
	       a->reset == b->reset;
}

struct shared_text *
feed_pages_find(struct feed_pages *p, const struct feed_page *page)
{
	struct shared_text *ret = NULL;

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < PAGES && ret == NULL; i++) {
		if (p->places[i].text != NULL && is_same(&p->places[i].page, page))
			ret = shared_text_hold(p->places[i].text);
	}
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* Nobody asks any more for what was so before the last change; and they must not grow too large. */
static void
make_room(struct feed_pages *p, uint64_t last, size_t len)
{
	size_t total = len;

	for (size_t i = 0; i < PAGES; i++) {
		struct place *newest_first = &p->places[(p->next + PAGES - 1 - i) % PAGES];

		if (newest_first->text == NULL)
			continue;
		total += shared_text_len(newest_first->text);
		if (newest_first->page.last < last || total > BYTES_MOST)
			clear(newest_first);
	}
	clear(&p->places[p->next]);
}

void
feed_pages_keep(struct feed_pages *p, const struct feed_page *page, struct shared_text *text)
{
	if (shared_text_len(text) > BYTES_MOST)
		return;
	pthread_mutex_lock(&p->lock);
	make_room(p, page->last, shared_text_len(text));
	p->places[p->next] = (struct place){ *page, shared_text_hold(text) };
	p->next = (p->next + 1) % PAGES;
	pthread_mutex_unlock(&p->lock);
}
