/* SPDX-License-Identifier: ISC */
#include "reliquary-api/store/ledger.h"
#include "reliquary-api/store/parts.h"

/* Those numbered up to last. */
static enum store_result
events_forget(struct session *s, struct account_id account, int64_t last)
{
	static const char sql[] = "DELETE FROM events WHERE account = ? AND number <= ?";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_int(&q, account.value);
	query_int(&q, last);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
event_add(struct session *s, struct account_id account, const struct event *e)
{
	static const char sql[] =
	    "INSERT INTO events (account, number, at, token, action, subject)"
	    " SELECT a.id,"
	    " coalesce((SELECT max(e.number) FROM events e WHERE e.account = a.id), 0) + 1,"
	    " ?, ?, ?, ? FROM accounts a WHERE a.id = ? RETURNING number";
	struct query q = query_begin(s, sql);
	enum store_result result;
	int64_t number;
	bool added;

	query_int(&q, e->at);
	query_text(&q, e->token);
	query_text(&q, e->action);
	query_text(&q, e->subject);
	query_int(&q, account.value);
	added = query_row(&q);
	number = column_int(&q, 0);
	result = query_end(&q, added);
	if (result != STORE_OK || number <= EVENTS_KEPT)
		return result;
	return events_forget(s, account, number - EVENTS_KEPT);
}

static bool
event_row(struct query *q, struct event *ret)
{
	struct event e = { .number = (uint64_t)column_int(q, 0), .at = column_int(q, 1) };

	if (!column_text(q, 2, e.token, sizeof(e.token)) ||
	    !column_text(q, 3, e.action, sizeof(e.action)) ||
	    !column_text(q, 4, e.subject, sizeof(e.subject)))
		return false;
	*ret = e;
	return true;
}

enum store_result
event_list(struct session *s, struct account_id account, uint64_t before, uint32_t limit,
    bool (*each)(void *arg, const struct event *e), void *arg)
{
	static const char sql[] = "SELECT number, at, token, action, subject FROM events"
				  " WHERE account = ? AND number < ? ORDER BY number DESC LIMIT ?";
	struct query q = query_begin(s, sql);
	struct event e;

	query_int(&q, account.value);
	query_int(&q, before == 0 || before > INT64_MAX ? INT64_MAX : (int64_t)before);
	query_int(&q, limit);
	while (query_row(&q) && event_row(&q, &e)) {
		if (!each(arg, &e))
			break;
	}
	return query_end(&q, true);
}
