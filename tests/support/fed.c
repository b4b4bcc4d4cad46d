/* SPDX-License-Identifier: ISC */
#include "tests/support/fed.h"

#include "tools/cathedral-sync/document.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

json_t *
fed_part(json_t *object, const char *name, size_t index)
{
	json_t *ret = json_array_get(json_object_get(object, name), index);

	assert_non_null(ret);
	return ret;
}

size_t
fed_count(json_t *object, const char *name)
{
	return json_array_size(json_object_get(object, name));
}

uint64_t
fed_number(json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

json_t *
fed_understood(json_t *page)
{
	struct record_page d;
	struct fault why;

	if (!document_read(&d, page, &why))
		fail_msg("%s", why.text);
	assert_int_equal(d.flock_count, fed_count(page, "flocks"));
	assert_int_equal(d.xflock_count, fed_count(page, "xflocks"));
	assert_int_equal(d.until, fed_number(page, "until"));
	record_page_free(&d);
	return page;
}

json_t *
fed_member(struct handled *h, const struct handled_tenant *who, const char *of)
{
	char what[128];
	json_t *joined;

	snprintf(what, sizeof(what), "POST %s/devices", of);
	joined = handled_json(h, 201, NULL, what, "{\"cosk\": \"" FED_COSK "\"}");
	snprintf(
	    what, sizeof(what), "POST %s/devices/%s/approve", of, text_of(joined, "cathedral_id"));
	handled_ok(h, 200, who, what, NULL);
	return joined;
}

void
fed_members(struct handled *h, const struct handled_tenant *who, const char *of, unsigned n)
{
	while (n-- > 0)
		json_decref(fed_member(h, who, of));
}

void
fed_upload(struct handled *h, const struct handled_tenant *who, const char *what,
    const struct made_bundle *m)
{
	const struct errand e = { .what = what, .who = who, .body = m->bytes, .body_len = m->len };
	struct reply reply = handled_run(h, &e);

	assert_int_equal(reply.status, 200);
	reply_free(&reply);
}

struct reply
fed_call(struct handled *h, const char *what, bool may_wait, bool again)
{
	struct request rq = { .length = 0 };
	const struct route *route = handled_route(h, what, &rq);
	struct call c = { .rq = &rq,
		.site = &h->site,
		.store = h->s,
		.random = &h->random,
		.now = h->now,
		.may_wait = may_wait,
		.again = again };
	struct reply reply = route->handle(&c);

	request_free(&rq);
	return reply;
}
