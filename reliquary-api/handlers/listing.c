/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/listing.h"

#include "base/hex.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/handlers/common.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool
listing_begin(struct listing *l, const struct call *c, struct reply *refused)
{
	uint32_t most = (uint32_t)c->site->settings->page_most;

	*l = (struct listing){ 0 };
	if (!request_page(c->rq, &l->page, most, most)) {
		*refused = reply_bad_field("limit", "is a number from 1 to %u", most);
		return false;
	}
	return true;
}

uint32_t
listing_want(const struct listing *l)
{
	return l->page.limit + 1;
}

struct json_text *
listing_row(struct listing *l, const char *last)
{
	if (l->count == l->page.limit) {
		l->more = true;
		return NULL;
	}
	assert(strlen(last) < sizeof(l->last));
	l->count++;
	memcpy(l->last, last, strlen(last) + 1);
	return &l->rows;
}

bool
listing_add(struct listing *l, json_t *row, const char *last)
{
	struct json_text *to = listing_row(l, last);

	if (to != NULL)
		json_text_value(to, row);
	json_decref(row);
	return to != NULL;
}

struct reply
listing_end(struct listing *l, enum store_result result, const char *name, const char *what)
{
	struct json_text t = { 0 };

	if (result != STORE_OK) {
		json_text_free(&l->rows);
		return reply_store(result, what);
	}
	json_text_open(&t, '{');
	json_text_name(&t, name);
	json_text_open(&t, '[');
	json_text_piece(&t, &l->rows);
	json_text_close(&t, ']');
	json_text_name(&t, "next");
	if (l->more)
		json_text_string(&t, l->last);
	else
		json_text_null(&t);
	json_text_close(&t, '}');
	json_text_free(&l->rows);
	return reply_written(200, &t);
}

struct reply
listing_refuse(void)
{
	return reply_bad_field("after", "is not what \"next\" of the page before said");
}

bool
listing_after_id(const struct listing *l, uint64_t *ret, struct reply *refused)
{
	*ret = 0;
	if (l->page.after[0] == '\0')
		return true;
	if (token_plausible(l->page.after, 16) && hex_u64(ret, l->page.after, UINT64_MAX))
		return true;
	*refused = listing_refuse();
	return false;
}
