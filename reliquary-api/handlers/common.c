/* SPDX-License-Identifier: ISC */
#include "reliquary-api/handlers/common.h"

#include "base/hex.h"
#include "reliquary-api/store/ledger.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A disk that is full stays so until somebody has made room. */
#define NO_SPACE_RETRY_S 60

void
time_text(int64_t unix_s, char out[static TIME_TEXT])
{
	time_t at = (time_t)unix_s;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL || strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		memcpy(out, "9999-12-31T23:59:59Z", TIME_TEXT);
}

json_t *
time_json(int64_t unix_s)
{
	char text[TIME_TEXT];

	if (unix_s == 0)
		return json_null();
	time_text(unix_s, text);
	return json_string(text);
}

void
id64_text(uint64_t id, char out[static ID64_TEXT])
{
	uint64_t bytes = htobe64(id);

	hex_encode(out, &bytes, sizeof(bytes));
}

void
device_text(struct device_id id, char out[static DEVICE_TEXT])
{
	uint32_t bytes = htobe32(id.value);

	hex_encode(out, &bytes, sizeof(bytes));
}

void
kek_number_text(uint8_t kek, char out[static KEK_NUMBER_TEXT])
{
	snprintf(out, KEK_NUMBER_TEXT, "%u", (unsigned)kek);
}

void
kek_file_text(struct flock_id flock, uint8_t kek, char out[static KEK_FILE_TEXT])
{
	snprintf(out, KEK_FILE_TEXT, "%016" PRIx64 "/kek-data/kek-0x%02x", flock.value, kek);
}

void
device_subject(struct flock_id flock, struct device_id device, char out[static STORE_LABEL])
{
	snprintf(out, STORE_LABEL, "%016" PRIx64 "/%08" PRIx32, flock.value, device.value);
}

void
xflock_subject(struct flock_id a, struct flock_id b, char out[static STORE_LABEL])
{
	snprintf(out, STORE_LABEL, "%016" PRIx64 "/%016" PRIx64, a.value, b.value);
}

void
generation_text(uint32_t generation, char out[static GENERATION_TEXT])
{
	snprintf(out, GENERATION_TEXT, "0x%08" PRIx32, generation);
}

uint64_t
id64_draw(struct random *random)
{
	uint64_t id;

	do {
		id = random_u64(random) >> 1;
	} while (id == 0);
	return id;
}

struct reply
reply_store(enum store_result result, const char *what)
{
	struct reply r;

	switch (result) {
	case STORE_NONE:
		return reply_unknown(what);
	case STORE_CONFLICT:
		return reply_problem(409, "conflict", "the state of the %s forbids it", what);
	case STORE_FULL:
		return reply_problem(409, "quota", "there is no room for another %s", what);
	case STORE_BUSY:
		return reply_busy(1);
	case STORE_NO_SPACE:
		r = reply_problem(503, "no-space", "the disk of this service is full");
		r.retry_after_s = NO_SPACE_RETRY_S;
		return r;
	case STORE_OK:
	case STORE_FAILED:
		break;
	}
	return reply_failed();
}

struct reply
reply_deleted(const struct call *c, const char *what)
{
	if (c->rq->method == METHOD_POST)
		return reply_json(200, json_pack("{s:s}", "deleted", what));
	return reply_empty();
}

enum store_result
call_note(const struct call *c, const char *action, const char *subject)
{
	struct event e = { .at = c->now.wall_s };

	id64_text(c->who.token, e.token);
	snprintf(e.action, sizeof(e.action), "%s", action);
	snprintf(e.subject, sizeof(e.subject), "%s", subject);
	return event_add(c->store, c->who.account, &e);
}

json_t *
bundle_json(const struct bundle_row *b)
{
	char generation[GENERATION_TEXT];

	generation_text(b->generation, generation);
	return json_pack("{s:s, s:o, s:o}", "generation", generation, "expires",
	    time_json(b->expires), "uploaded", time_json(b->uploaded));
}

int64_t
call_joins_since(const struct call *c)
{
	return c->now.wall_s - (int64_t)c->site->settings->join_s;
}

/* NULL: out of memory. */
static json_t *
cathedral_where(const struct cathedral_row *row)
{
	if (strchr(row->address, ':') != NULL)
		return json_sprintf("[%s]:%u", row->address, (unsigned)row->port);
	return json_sprintf("%s:%u", row->address, (unsigned)row->port);
}

enum store_result
cathedral_give(const struct call *c, json_t *object)
{
	const char *region = request_query(c->rq, "region");
	struct cathedral_row row = { .nat_port = 0 };
	enum store_result result;
	bool ok;

	result = cathedral_choose(c->store, region != NULL ? region : "", c->now.wall_s, &row);
	if (result != STORE_OK && result != STORE_NONE)
		return result;
	ok = json_object_set_new(object, "cathedral",
		 result == STORE_OK ? cathedral_where(&row) : json_null()) == 0 &&
	     json_object_set_new(object, "natport",
		 row.nat_port != 0 ? json_integer(row.nat_port) : json_null()) == 0;
	return ok ? STORE_OK : STORE_FAILED;
}
