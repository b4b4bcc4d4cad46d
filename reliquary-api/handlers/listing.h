/* SPDX-License-Identifier: ISC */
/* A page of a list: what ?limit= and ?after= ask for, and the rows while the store gives them. */
#ifndef RELIQUARY_API_HANDLERS_LISTING_H
#define RELIQUARY_API_HANDLERS_LISTING_H

#include "reliquary-api/handlers/handler.h"

struct listing {
	struct page page;
	struct json_text rows;       /* with commas between them */
	uint32_t count;              /* of them */
	char last[REQUEST_WORD_MAX]; /* names the last row: where the next page goes on */
	bool more;                   /* a row came that is not of this page any more */
};

/* Reads the query; false with the answer.  A listing that has rows must be ended. */
bool listing_begin(struct listing *l, const struct call *c, struct reply *refused);

/* How many rows to ask the store for: one more than the page has says that another follows. */
uint32_t listing_want(const struct listing *l);

/*
 * Where to write the next row, whose name in "next" is last; NULL when the page was full: the store
 * stops.
 */
struct json_text *listing_row(struct listing *l, const char *last);

/* The same for a row that is an object, which it takes over (NULL: out of memory); false: full. */
bool listing_add(struct listing *l, json_t *row, const char *last);

/* {name: [rows], next: text or null}; or the answer to result (what: as reply_store()). */
struct reply listing_end(
    struct listing *l, enum store_result result, const char *name, const char *what);

/* "after" as 16 hex digits, 0 without; false with the answer. */
bool listing_after_id(const struct listing *l, uint64_t *ret, struct reply *refused);

/* "after" is none of ours. */
struct reply listing_refuse(void);

#endif
