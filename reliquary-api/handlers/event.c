/* SPDX-License-Identifier: ISC */
/* What was done with an account, newest first. */
#include "base/hex.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/store/ledger.h"

#include <inttypes.h>
#include <stdio.h>

#define NUMBER_TEXT 21

static bool
event_show(void *arg, const struct event *e)
{
	char number[NUMBER_TEXT];

	snprintf(number, sizeof(number), "%" PRIu64, e->number);
	return listing_add(arg,
	    json_pack("{s:I, s:o, s:s, s:s, s:s}", "number", (json_int_t)e->number, "at",
		time_json(e->at), "token", e->token, "action", e->action, "subject", e->subject),
	    number);
}

struct reply
handle_event_list(const struct call *c)
{
	enum store_result result;
	struct reply refused;
	struct listing l;
	uint64_t before = 0;

	if (!listing_begin(&l, c, &refused))
		return refused;
	if (l.page.after[0] != '\0' && !decimal_u64(&before, l.page.after, INT64_MAX))
		return listing_refuse();
	result = event_list(c->store, c->who.account, before, listing_want(&l), event_show, &l);
	return listing_end(&l, result, "events", "account");
}
