/* SPDX-License-Identifier: ISC */
/* What is decided when only the head of a request is there: whoever is refused here was not sent a
 * byte of what he has, nor sent us one. */
#include "reliquary-api/handlers/common.h"
#include "reliquary-api/service/disk.h"
#include "reliquary-api/service/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD_RETRY_S 5

static bool
refuse(struct exchange *x, struct reply reply)
{
	x->reply = reply;
	return false;
}

static bool
rate_ok(struct api *s, struct exchange *x, enum rate_class class, uint64_t now_ns)
{
	unsigned retry_after_s;

	if (rates_take(s->rates, class, &x->rq.from, now_ns, &retry_after_s))
		return true;
	counts_add(&s->counts.rate_limited, 1);
	return refuse(x, reply_limited(retry_after_s));
}

/* NULL with the answer. */
static const struct route *
route_of(struct api *s, struct exchange *x)
{
	struct reply wrong_method;
	char allow[64];
	size_t row;

	switch (router_find(s->router, &x->rq, &row, allow)) {
	case ROUTE_FOUND:
		return &s->o.routes[row];
	case ROUTE_WRONG_METHOD:
		wrong_method = reply_problem(405, "method", "this path takes %s", allow);
		memcpy(wrong_method.allow, allow, sizeof(wrong_method.allow));
		refuse(x, wrong_method);
		return NULL;
	case ROUTE_UNKNOWN:
		break;
	}
	refuse(x, reply_problem(404, "not-found", "there is nothing at this path"));
	return NULL;
}

/* A read without a body is over in a moment: who asks is looked up where it is answered. */
static bool
identified_later(const struct visit *v)
{
	return v->route->effect != EFFECT_WRITES && v->route->body == BODY_NONE &&
	       v->x->rq.length <= 0;
}

static bool
type_ok(const struct visit *v)
{
	struct exchange *x = v->x;

	/* How long it is may not be known yet: then run() sees whether there is anything. */
	if (v->route->body != BODY_JSON || x->rq.length <= 0 || x->rq.type == CONTENT_JSON)
		return true;
	return refuse(x, reply_problem(415, "type", "the body must be application/json"));
}

static int64_t
body_most(const struct route *route)
{
	switch (route->body) {
	case BODY_NONE:
		return 0;
	case BODY_JSON:
		return BODY_JSON_MAX;
	case BODY_RAW:
		return BODY_RAW_MAX;
	case BODY_UPLOAD:
		break;
	}
	return (int64_t)route->upload->size;
}

static bool
length_ok(const struct visit *v)
{
	struct exchange *x = v->x;
	int64_t most = body_most(v->route);

	if (x->rq.length > most)
		return refuse(x, reply_problem(413, "too-large",
				     "the body has at most %jd bytes here", (intmax_t)most));
	if (v->route->body != BODY_UPLOAD) {
		x->body_max = (size_t)most;
		return true;
	}
	if (x->rq.length < 0)
		return refuse(x, reply_problem(411, "length", "this takes a Content-Length"));
	if (x->rq.length < most)
		return refuse(
		    x, reply_problem(400, "bundle", "the bundle must have %jd bytes, not %jd",
			   (intmax_t)most, (intmax_t)x->rq.length));
	return true;
}

static bool
repeat_ok(const struct visit *v)
{
	if (!repeat_wanted(v) || repeat_key_ok(v))
		return true;
	return refuse(v->x, reply_problem(400, "malformed",
				"Idempotency-Key has 16 to 255 visible characters, and at least 32 "
				"where no token is needed"));
}

/* Of uploads that come in at the same time, and of the disk. */
static bool
room_ok(struct visit *v)
{
	struct api *s = v->api;
	uint64_t left;

	if (!disk_free(s->o.bundles, &left))
		return refuse(v->x, reply_failed());
	if (left < s->o.disk_free_min || left - s->o.disk_free_min < v->route->upload->size)
		return refuse(v->x, reply_store(STORE_NO_SPACE, "bundle"));
	v->berth_of = v->who.account;
	v->berth = berths_take(s->berths, v->berth_of);
	return v->berth || refuse(v->x, reply_busy(UPLOAD_RETRY_S));
}

static bool
file_begin(struct visit *v, const struct upload_check *check, struct random *random)
{
	struct exchange *x = v->x;
	int error;

	x->rq.upload = upload_begin(v->api->o.bundles, check, random);
	if (x->rq.upload != NULL &&
	    upload_reserve(x->rq.upload, v->route->upload->size) == UPLOAD_OK)
		return true;
	error = x->rq.upload == NULL ? errno : upload_errno(x->rq.upload);
	return refuse(x, reply_store(disk_result(error), "bundle"));
}

static bool
upload_ok(struct visit *v, struct desk *desk, struct upload_check *check)
{
	struct call call = visit_call(v, desk->session, &desk->random);

	if (v->route->upload->admit(&call, check, &v->x->reply))
		return true;
	counts_add(&v->api->counts.uploads_refused, 1);
	return false;
}

/* In a transaction of the desk's. */
static bool
admit_in(struct visit *v, struct desk *desk, struct upload_check *check)
{
	if (!visit_admit(v, desk->session, &v->x->reply) || !repeat_ok(v) || !type_ok(v) ||
	    !length_ok(v))
		return false;
	return v->route->body != BODY_UPLOAD || (room_ok(v) && upload_ok(v, desk, check));
}

static bool
admit_at(struct visit *v, struct desk *desk)
{
	enum store_result result = session_read_begin(desk->session);
	struct upload_check check = { 0 };
	bool ok;

	if (result != STORE_OK)
		return refuse(v->x, reply_store(result, "account"));
	ok = admit_in(v, desk, &check);
	session_read_end(desk->session);
	if (!ok || v->route->body != BODY_UPLOAD)
		return ok;
	return file_begin(v, &check, &desk->random);
}

static bool
admit(struct visit *v)
{
	struct desk *desk;
	bool ok;

	if (v->route->rate != RATE_REQUEST &&
	    !rate_ok(v->api, v->x, (enum rate_class)v->route->rate, v->now.mono_ns))
		return false;
	if (identified_later(v) || v->route->access == ACCESS_ANYONE)
		return repeat_ok(v) && type_ok(v) && length_ok(v);
	desk = desks_take(v->api->desks);
	if (desk == NULL)
		return refuse(v->x, reply_busy(BUSY_RETRY_S));
	ok = admit_at(v, desk);
	desks_return(v->api->desks, desk);
	return ok;
}

bool
api_begin(struct exchange *x, void *arg)
{
	struct api *s = arg;
	struct instant now = s->o.clock();
	const struct route *route;
	struct visit *v;

	if (api_draining(s))
		return refuse(x, reply_draining());
	if (!rate_ok(s, x, RATE_REQUEST, now.mono_ns))
		return false;
	route = route_of(s, x);
	if (route == NULL)
		return false;
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return refuse(x, reply_failed());
	v->api = s;
	v->x = x;
	v->route = route;
	v->now = now;
	x->state = v;
	return admit(v);
}
