/* SPDX-License-Identifier: ISC */
#include "reliquary-api/http/answer.h"

#include "protocol/crypto/secret.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Only what is part of the program is the same for everybody, and for a while. */
static const char *
caching(const struct reply *r)
{
	bool fixed = r->status == 200 && r->fixed != NULL && r->json == NULL && r->text == NULL;

	return fixed && !r->secret ? "public, max-age=300" : "no-store";
}

static bool
add(struct MHD_Response *to, const char *name, const char *value)
{
	return MHD_add_response_header(to, name, value) == MHD_YES;
}

static bool
add_fields(struct MHD_Response *to, const struct reply *r, size_t len)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%u", r->retry_after_s);
	return add(to, MHD_HTTP_HEADER_CACHE_CONTROL, caching(r)) &&
	       add(to, "X-Content-Type-Options", "nosniff") &&
	       (len == 0 || add(to, MHD_HTTP_HEADER_CONTENT_TYPE, reply_content_type(r))) &&
	       (r->status != 401 || add(to, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer")) &&
	       (r->retry_after_s == 0 || add(to, MHD_HTTP_HEADER_RETRY_AFTER, seconds)) &&
	       (r->allow[0] == '\0' || add(to, MHD_HTTP_HEADER_ALLOW, r->allow)) &&
	       (!r->replayed || add(to, "Idempotency-Replayed", "true"));
}

/* What cannot be rendered becomes the answer that takes no memory. */
static void
render(struct answer *a, struct reply *r)
{
	if (!reply_render(r, &a->body, &a->len, &a->owned)) {
		reply_free(r);
		*r = reply_failed();
		reply_render(r, &a->body, &a->len, &a->owned);
	}
	a->secret = r->secret;
}

bool
answer_queue(struct answer *a, struct MHD_Connection *to, struct reply *r, bool close)
{
	struct MHD_Response *response;
	bool queued;

	render(a, r);
	/* The library does not write to it, whatever its type says. */
	response = MHD_create_response_from_buffer(
	    a->len, (void *)(uintptr_t)a->body, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return false;
	queued = add_fields(response, r, a->len) &&
		 (!close || add(response, MHD_HTTP_HEADER_CONNECTION, "close")) &&
		 MHD_queue_response(to, r->status, response) == MHD_YES;
	MHD_destroy_response(response);
	return queued;
}

void
answer_free(struct answer *a)
{
	if (a->owned) {
		char *body = (char *)(uintptr_t)a->body;

		if (a->secret)
			secret_wipe(body, a->len);
		free(body);
	}
	*a = (struct answer){ 0 };
}
