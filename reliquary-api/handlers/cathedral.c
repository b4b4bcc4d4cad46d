/* SPDX-License-Identifier: ISC */
/* The fleet: for tenants who look for one, and from cathedrals that say that they are well. */
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/http/fields.h"
#include "reliquary-api/store/cathedrals.h"
#include "reliquary-api/store/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_MAX 1000000 /* thousandths */

struct showing {
	struct listing list;
	int64_t now;
	FILE *lines; /* for who wants text; NULL: JSON */
	char *text;  /* what is written to it */
	size_t len;
};

/* "name - ip:port" */
static bool
cathedral_line(struct showing *s, const struct cathedral_row *row)
{
	bool v6 = strchr(row->address, ':') != NULL;

	if (listing_row(&s->list, row->name) == NULL)
		return false;
	fprintf(s->lines, "%s - %s%s%s:%u\n", row->name, v6 ? "[" : "", row->address, v6 ? "]" : "",
	    (unsigned)row->port);
	return true;
}

static bool
cathedral_show(void *arg, const struct cathedral_row *row)
{
	struct showing *s = arg;
	const char *state = cathedral_state_name(cathedral_state(row, s->now));
	json_t *nat;

	if (strcmp(row->name, s->list.page.after) <= 0)
		return true; /* was on a page before */
	if (s->lines != NULL)
		return cathedral_line(s, row);
	nat = row->nat_port != 0 ? json_integer(row->nat_port) : json_null();
	return listing_add(&s->list,
	    json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:s}", "name", row->name, "region",
		row->region, "address", row->address, "port", (int)row->port, "nat_port", nat,
		"shroud", (int)row->shroud, "state", state),
	    row->name);
}

/* Instead of json, unless that says what went wrong. */
static struct reply
lines_end(struct showing *s, struct reply json)
{
	bool written = fclose(s->lines) == 0;

	if (json.status == 200 && written) {
		reply_free(&json);
		return (struct reply){ .status = 200, .text = s->text };
	}
	free(s->text);
	if (json.status != 200)
		return json;
	reply_free(&json);
	return reply_failed();
}

struct reply
handle_cathedral_list(const struct call *c)
{
	struct showing s = { .now = c->now.wall_s };
	enum store_result result;
	struct reply reply;

	if (!listing_begin(&s.list, c, &reply))
		return reply;
	if (c->rq->wants_text) {
		s.lines = open_memstream(&s.text, &s.len);
		if (s.lines == NULL)
			return reply_failed();
	}
	result = cathedral_list(c->store, cathedral_show, &s);
	reply = listing_end(&s.list, result, "cathedrals", "cathedral");
	return s.lines != NULL ? lines_end(&s, reply) : reply;
}

/* Is the address that it says the one that it is listed with? */
static bool
listed_at(const struct cathedral_row *row, const char *text)
{
	struct endpoint said, listed;

	return endpoint_parse(&said, text) && endpoint_parse_ip(&listed, row->address) &&
	       endpoint_same_ip(&said, &listed) && said.port == row->port;
}

/*
 * Numbers of another database, which this one has replaced or was restored over, say nothing of
 * this one: who has them has to hear of everything.  *last: the number of the last change.
 */
static enum store_result
judge_change(struct session *s, struct heartbeat *beat, const char *database, uint64_t *last)
{
	char own[STORE_LABEL];
	uint64_t forgotten;
	enum store_result result = fact_get(s, "id", own);

	if (result == STORE_OK)
		result = change_bounds(s, last, &forgotten);
	if (result != STORE_OK)
		return result == STORE_NONE ? STORE_FAILED : result;
	if (strcmp(database, own) != 0 || beat->change > *last)
		beat->change = 0;
	return STORE_OK;
}

struct reply
handle_heartbeat(const struct call *c)
{
	char version[CATHEDRAL_VERSION] = "", address[ENDPOINT_TEXT], database[STORE_LABEL] = "";
	bool says_where = false;
	struct heartbeat beat = { .name = c->cathedral.name, .version = version };
	const struct field fields[] = { FIELD_TEXT_INTO("version", version, .required = true),
		FIELD_TEXT_INTO("address", address, .given = &says_where),
		FIELD_UINT_INTO("load", &beat.load, 0, LOAD_MAX),
		FIELD_TEXT_INTO("database", database),
		FIELD_UINT_INTO("change", &beat.change, 0, INT64_MAX, .given = &beat.says_change),
		FIELD_FLAG_INTO("draining", &beat.leaving), FIELD_END };
	struct cathedral_row row;
	enum store_result result;
	uint64_t change = 0;
	struct reply refused;

	if (!fields_read(c->rq->json, fields, &refused))
		return refused;
	if (says_where && !listed_at(&c->cathedral, address))
		return reply_problem(
		    409, "conflict", "the cathedral is listed with another address and port");
	result = judge_change(c->store, &beat, database, &change);
	if (result == STORE_OK)
		result = cathedral_heartbeat(c->store, &beat, c->now.wall_s);
	if (result == STORE_OK)
		result = cathedral_get(c->store, c->cathedral.name, &row);
	if (result != STORE_OK)
		return reply_store(result, "cathedral");
	return reply_json(200, json_pack("{s:s, s:I}", "state",
				   cathedral_state_name(cathedral_state(&row, c->now.wall_s)),
				   "change", (json_int_t)change));
}
