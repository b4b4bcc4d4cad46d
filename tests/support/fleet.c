/* SPDX-License-Identifier: ISC */
#include "tests/support/fleet.h"

#include "reliquary-api/auth/token.h"
#include "reliquary-api/store/cathedrals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct wish {
	struct cathedral_row row;
	struct hash32 token;
};

static void
do_it(
    struct test_api *t, enum store_result (*work)(struct session *s, void *arg), struct wish *wish)
{
	struct fault why = { "" };
	struct session *office = session_open_writer(t->store, &why);

	assert_non_null(office);
	assert_int_equal(store_atomically(office, work, wish), STORE_OK);
	session_close(office);
}

static enum store_result
add(struct session *s, void *arg)
{
	const struct wish *w = arg;

	return cathedral_add(s, &w->row, &w->token, test_api_clock().wall_s);
}

static enum store_result
drain(struct session *s, void *arg)
{
	struct wish *w = arg;
	enum store_result result = cathedral_get(s, w->row.name, &w->row);

	w->row.draining = true;
	return result == STORE_OK ? cathedral_set(s, &w->row, test_api_clock().wall_s) : result;
}

static enum store_result
take_away(struct session *s, void *arg)
{
	const struct wish *w = arg;

	return cathedral_remove(s, w->row.name, test_api_clock().wall_s);
}

static struct wish
wish_for(const char *name)
{
	struct wish w = { .row = { .region = "eu", .port = 4500, .nat_port = 4501 } };

	snprintf(w.row.name, sizeof(w.row.name), "%s", name);
	return w;
}

void
fleet_add(struct test_api *t, const char *name, unsigned n, char token[static 33])
{
	struct wish w = wish_for(name);
	struct secret_hash hash;

	token_new(token, 16, &t->random);
	hash = vault_hash(t->vault, SECRET_CATHEDRAL_TOKEN, token, strlen(token));
	memcpy(w.token.bytes, hash.bytes, sizeof(w.token.bytes));
	snprintf(w.row.address, sizeof(w.row.address), "192.0.2.%u", n);
	do_it(t, add, &w);
}

void
fleet_drain(struct test_api *t, const char *name)
{
	struct wish w = wish_for(name);

	do_it(t, drain, &w);
}

void
fleet_remove(struct test_api *t, const char *name)
{
	struct wish w = wish_for(name);

	do_it(t, take_away, &w);
}
