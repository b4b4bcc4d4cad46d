/* SPDX-License-Identifier: ISC */
#include "tests/support/errand.h"

#include "reliquary-api/auth/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GENERATION 9

static const char *
token_for(const struct route *r, const struct household *h, const char *cathedral)
{
	if (r->access == ACCESS_ANYONE)
		return NULL;
	return r->access == ACCESS_CATHEDRAL ? cathedral : h->who.token;
}

void
errand_make(
    struct errand *ret, const struct route *r, const struct household *h, const char *cathedral)
{
	struct ask *a = &ret->q.ask;

	ret->bundle = (struct made_bundle){ .bytes = NULL };
	trial_ask(&ret->q, r, &h->has, token_for(r, h, cathedral));
	if (r->body == BODY_UPLOAD) {
		bool pair = strstr(r->path, "xflock") != NULL;

		ret->bundle = household_bundle(&h->has, pair, GENERATION);
		ret->q.fields[0] = '\0'; /* its length comes with it */
		a->body = ret->bundle.bytes;
		a->body_len = ret->bundle.len;
	} else if (r->body == BODY_RAW && route_params(r) == 0) {
		a->body = h->who.account;
		a->body_len = strlen(h->who.account);
	}
}

void
errand_free(struct errand *e)
{
	free(e->bundle.bytes);
}

void
errand_cathedral(struct test_api *t, char token[static 33])
{
	const struct cathedral_row row = { .name = "alpha",
		.region = "eu",
		.address = "192.0.2.1",
		.port = 4500,
		.shroud = true };
	struct fault why = { "" };
	struct session *office = session_open_writer(t->store, &why);
	struct secret_hash made;
	struct hash32 hash;

	assert_non_null(office);
	token_new(token, 16, &t->random);
	made = vault_hash(t->vault, SECRET_CATHEDRAL_TOKEN, token, strlen(token));
	memcpy(hash.bytes, made.bytes, sizeof(hash.bytes));
	assert_int_equal(cathedral_add(office, &row, &hash, test_api_clock().wall_s), STORE_OK);
	session_close(office);
}
