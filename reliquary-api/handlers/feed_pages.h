/* SPDX-License-Identifier: ISC */
/*
 * The pages of the feed that were made last.  A change wakes all cathedrals, and most of them ask
 * for the very same page: it is made once, and lies in memory once while it is sent to all, slowly
 * to some.  Any thread.
 */
#ifndef RELIQUARY_API_HANDLERS_FEED_PAGES_H
#define RELIQUARY_API_HANDLERS_FEED_PAGES_H

#include "reliquary-api/http/shared_text.h"

#include <stdint.h>

struct feed_pages;

/* All that a page follows from.  Numbers of committed changes are given once. */
struct feed_page {
	uint64_t since, begun;
	uint64_t last; /* change there is */
	bool reset;
};

struct feed_pages *feed_pages_create(void); /* NULL: no memory */
void feed_pages_destroy(struct feed_pages *p);

/* Held for the caller; NULL: there is none. */
struct shared_text *feed_pages_find(struct feed_pages *p, const struct feed_page *page);

/* Keeps it as well, until there are newer ones. */
void feed_pages_keep(struct feed_pages *p, const struct feed_page *page, struct shared_text *text);

#endif
