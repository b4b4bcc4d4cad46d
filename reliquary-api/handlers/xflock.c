/* SPDX-License-Identifier: ISC */
/* Agreements between two flocks: each owner agrees by itself, also where both are one. */
#include "base/hex.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/listing.h"
#include "reliquary-api/store/flocks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FLOCK_DIGITS 16
#define PLACE_DIGITS (2 * FLOCK_DIGITS)

static const char *
state_name(bool established)
{
	return established ? "established" : "pending";
}

static bool
xflock_show(void *arg, const struct xflock_row *x)
{
	char flock[ID64_TEXT], other[ID64_TEXT], place[PLACE_DIGITS + 1];

	id64_text(x->flock.value, flock);
	id64_text(x->other.value, other);
	snprintf(place, sizeof(place), "%s%s", flock, other);
	return listing_add(arg,
	    json_pack("{s:s, s:s, s:s, s:o}", "flock_a", flock, "flock_b", other, "state",
		state_name(x->established), "ambry",
		x->has_bundle ? bundle_json(&x->bundle) : json_null()),
	    place);
}

/* What xflock_show() made of the last row of the page before; "" is the start. */
static bool
place_read(const char *text, struct flock_id *flock, struct flock_id *other)
{
	char half[FLOCK_DIGITS + 1] = "";

	flock->value = other->value = 0;
	if (text[0] == '\0')
		return true;
	if (!token_plausible(text, PLACE_DIGITS))
		return false;
	memcpy(half, text, FLOCK_DIGITS);
	return hex_u64(&flock->value, half, UINT64_MAX) &&
	       hex_u64(&other->value, text + FLOCK_DIGITS, UINT64_MAX);
}

struct reply
handle_xflock_list(const struct call *c)
{
	struct flock_id flock, other;
	enum store_result result;
	struct reply refused;
	struct listing l;

	if (!listing_begin(&l, c, &refused))
		return refused;
	if (!place_read(l.page.after, &flock, &other))
		return listing_refuse();
	result =
	    xflock_list(c->store, c->who.account, flock, other, listing_want(&l), xflock_show, &l);
	return listing_end(&l, result, "xflocks", "account");
}

static struct reply
reply_consent(const struct call *c, struct flock_id a, struct flock_id b, bool established)
{
	char flock[ID64_TEXT], other[ID64_TEXT];

	id64_text(a.value, flock);
	id64_text(b.value, other);
	if (!c->rq->wants_text)
		return reply_json(200, json_pack("{s:s, s:s, s:s}", "flock_a", flock, "flock_b",
					   other, "state", state_name(established)));
	if (established)
		return reply_text(200, "both sides agreed");
	return reply_text(200, "reliquary-xflock-create %s %s", other, flock);
}

struct reply
handle_xflock_create(const struct call *c)
{
	uint32_t most = (uint32_t)c->site->settings->xflocks_most;
	char subject[STORE_LABEL];
	enum store_result result;
	bool established = false;
	struct flock_id a, b;

	if (!request_flock(c->rq, 0, &a) || !request_flock(c->rq, 1, &b))
		return reply_unknown("flock");
	if (flock_equal(a, b))
		return reply_problem(409, "conflict", "a flock needs no agreement with itself");

	xflock_subject(a, b, subject);
	result = xflock_consent(c->store, c->who.account, a, b, most, c->now.wall_s, &established);
	if (result == STORE_OK)
		result = call_note(c, "xflock.create", subject);
	if (result == STORE_FULL)
		return reply_problem(409, "quota", "the flock has as many xflocks as it may have");
	if (result != STORE_OK)
		return reply_store(result, "flock");
	return reply_consent(c, a, b, established);
}

/* 204 for the older spelling, too: its clients look at nothing else. */
struct reply
handle_xflock_delete(const struct call *c)
{
	char subject[STORE_LABEL];
	enum store_result result;
	struct flock_id a, b;

	if (!request_flock(c->rq, 0, &a) || !request_flock(c->rq, 1, &b))
		return reply_unknown("xflock");
	xflock_subject(a, b, subject);
	result = xflock_withdraw(c->store, c->who.account, a, b, c->now.wall_s);
	if (result == STORE_OK)
		result = call_note(c, "xflock.delete", subject);
	return result == STORE_OK ? reply_empty() : reply_store(result, "xflock");
}
