/* SPDX-License-Identifier: ISC */
/*
 * Handlers called as the service calls them, but without it: a request filled in by hand, a real
 * store and key file in a folder of the test's own, and one group that is never committed.
 *
 * Every call is made twice, the first time in vain, as it may happen; the request must come out as
 * it went in; and the answer must be one that docs/openapi.json knows for the route, down to the
 * last member.  What fails fails the running test.
 */
#ifndef TESTS_SUPPORT_HANDLED_H
#define TESTS_SUPPORT_HANDLED_H

#include "reliquary-api/handlers/handler.h"
#include "reliquary-api/http/router.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/store.h"

/* Who asks; its token has the id HANDLED_TOKEN. */
struct handled_tenant {
	struct account_id account;
	char key[65];
};

#define HANDLED_TOKEN      UINT64_C(0x00c0ffee00c0ffee)
#define HANDLED_TOKEN_TEXT "00c0ffee00c0ffee"

struct handled {
	struct test_store db;
	struct session *s;        /* its writer */
	struct settings settings; /* a test may change them; registration is open */
	struct site site;
	struct vault *vault;
	struct pow_load *load;
	struct random random;
	struct instant now; /* begins at STORE_NOW */
	struct router *router;
	json_t *document; /* docs/openapi.json */
	struct scratch_name bundles;
	struct handled_tenant anna, boris;
	struct cathedral_row cathedral; /* who sends heartbeats */
};

/* For cmocka_unit_test_setup_teardown(). */
int handled_begin(void **state);
int handled_end(void **state);

struct errand {
	const char *what; /* "POST /v1/flocks?limit=1" */
	const struct handled_tenant *who;
	const char *json; /* a body of application/json */
	const void *body; /* or another one */
	size_t body_len;
	bool text; /* Accept: text/plain */
};

/* The row that a method and path name; its path's parameters come to rq. */
const struct route *handled_route(const struct handled *h, const char *what, struct request *rq);

/* Changes are kept when the answer is a success.  The caller frees the reply. */
struct reply handled_run(struct handled *h, const struct errand *e);

/* The JSON that a request is answered, the caller's; another status fails the test. */
json_t *handled_json(struct handled *h, unsigned status, const struct handled_tenant *who,
    const char *what, const char *json);

/* The same without looking at it. */
void handled_ok(struct handled *h, unsigned status, const struct handled_tenant *who,
    const char *what, const char *json);

/* The problem that it is answered must be of this kind and say this. */
void handled_problem(
    struct handled *h, unsigned status, const char *kind, const char *says, const struct errand *e);

/* An errand of who's. */
struct errand errand(const struct handled_tenant *who, const char *what, const char *json);

/* A member that must be a text. */
const char *text_of(const json_t *object, const char *member);

/* The last event of who's: "action subject by token" must be this. */
void handled_noted(struct handled *h, const struct handled_tenant *who, const char *is);

/* Rows that tests begin with. */
struct flock_id handled_flock(struct handled *h, const struct handled_tenant *who, uint64_t id);
void handled_pending(struct handled *h, struct flock_id flock, uint32_t id);
struct hash32 handled_hash(const struct handled *h, enum secret_kind kind, const char *text);
void handled_cathedral(struct handled *h, const char *name, const char *region, const char *address,
    uint16_t nat_port);

#endif
