/* SPDX-License-Identifier: ISC */
/* Bundles: looked at while they come in, then put in the place of the one before. */
#include "protocol/wire/bundle_stream.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/store/flocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(UPLOAD_NAME_SIZE == BUNDLE_FILE_NAME, "files are called what they are called");
_Static_assert(UPLOAD_HASH_SIZE == STORE_HASH, "hashes are hashes");

static bool
bundle_take(void *state, const uint8_t *data, size_t len, struct fault *why)
{
	return bundle_stream_take(state, data, len, why);
}

static bool
bundle_end(void *state, struct fault *why)
{
	return bundle_stream_end(state, why);
}

static bool
check_make(struct flock_id a, struct flock_id b, struct upload_check *check, struct reply *refused)
{
	struct bundle_stream *s = malloc(sizeof(*s));

	if (s == NULL) {
		*refused = reply_failed();
		return false;
	}
	bundle_stream_begin(s, a, b);
	*check = (struct upload_check){ .state = s, .take = bundle_take, .end = bundle_end };
	return true;
}

static bool
flock_admit(const struct call *c, struct upload_check *check, struct reply *refused)
{
	struct flock_id flock;
	enum store_result result = STORE_NONE;

	if (request_flock(c->rq, 0, &flock))
		result = flock_owned(c->store, c->who.account, flock);
	if (result == STORE_OK)
		return check_make(flock, flock, check, refused);
	*refused = reply_store(result, "flock");
	return false;
}

static struct reply
reply_pending(void)
{
	return reply_problem(409, "conflict", "the owner of the other flock has not agreed yet");
}

static bool
xflock_admit(const struct call *c, struct upload_check *check, struct reply *refused)
{
	enum store_result result = STORE_NONE;
	struct flock_id a, b;

	if (request_flock(c->rq, 0, &a) && request_flock(c->rq, 1, &b))
		result = xflock_state(c->store, c->who.account, a, b);
	if (result == STORE_OK)
		return check_make(a, b, check, refused);
	*refused = result == STORE_CONFLICT ? reply_pending() : reply_store(result, "xflock");
	return false;
}

const struct upload_rule ambry_of_flock = { BUNDLE_ONE_FLOCK_SIZE, flock_admit };
const struct upload_rule ambry_of_xflock = { BUNDLE_TWO_FLOCKS_SIZE, xflock_admit };

static struct reply
reply_bundle(const struct bundle_stream *s)
{
	char generation[GENERATION_TEXT];

	generation_text(s->head.generation, generation);
	/* Every tunnel has an entry for each of its ends. */
	return reply_json(200,
	    json_pack("{s:s, s:o, s:I}", "generation", generation, "expires",
		time_json(bundle_ends(s->head.expires)), "tunnels", (json_int_t)(s->place / 2)));
}

/* The bundle of a and b has come, was found good, and lies under its name. */
static struct reply
bundle_keep(const struct call *c, struct flock_id a, struct flock_id b, const char *subject)
{
	const struct upload *u = c->rq->upload;
	const struct bundle_stream *s = upload_state(u);
	bool one = flock_equal(a, b);
	struct bundle_row row = { .a = a,
		.b = b,
		.generation = s->head.generation,
		.expires = bundle_ends(s->head.expires),
		.uploaded = c->now.wall_s,
		.size = upload_size(u) };
	enum store_result result;
	char ended[TIME_TEXT];

	if (row.expires <= c->now.wall_s) {
		time_text(row.expires, ended);
		return reply_problem(400, "bundle", "the bundle ended at %s", ended);
	}
	memcpy(row.hash.bytes, upload_hash(u), sizeof(row.hash.bytes));
	snprintf(row.file, sizeof(row.file), "%s", upload_name(u));
	result = bundle_put(c->store, c->who.account, &row);
	if (result == STORE_CONFLICT)
		return reply_problem(409, "conflict",
		    "generation 0x%08x is the one that is there already", (unsigned)row.generation);
	if (result == STORE_OK)
		result = call_note(c, one ? "ambry.upload" : "xflock.ambry", subject);
	if (result != STORE_OK)
		return reply_store(result, one ? "flock" : "xflock");
	return reply_bundle(s);
}

struct reply
handle_ambry_put(const struct call *c)
{
	struct flock_id flock;
	char subject[STORE_LABEL];

	if (!request_flock(c->rq, 0, &flock))
		return reply_unknown("flock");
	id64_text(flock.value, subject);
	return bundle_keep(c, flock, flock, subject);
}

struct reply
handle_xambry_put(const struct call *c)
{
	char subject[STORE_LABEL];
	struct flock_id a, b;

	if (!request_flock(c->rq, 0, &a) || !request_flock(c->rq, 1, &b))
		return reply_unknown("xflock");
	xflock_subject(a, b, subject);
	return bundle_keep(c, a, b, subject);
}
