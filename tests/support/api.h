/* SPDX-License-Identifier: ISC */
/*
 * The whole HTTP service in this process: a real store in a folder of its own, real sockets on
 * loopback, and a clock that a test can put forward.  What fails here fails the running test.
 *
 *	struct test_api t;
 *	struct tenant anna;
 *
 *	test_api_prepare(&t);
 *	t.settings.account_flocks = 1; (whatever is to be different)
 *	test_api_start(&t);
 *	tenant_make(&t, &anna);
 *	got_free(expect(&t, 201, "POST", "/v1/flocks", anna.token, "{\"label\": \"home\"}"));
 *	test_api_end(&t);
 */
#ifndef TESTS_SUPPORT_API_H
#define TESTS_SUPPORT_API_H

#include "reliquary-api/service/admin.h"
#include "reliquary-api/service/api.h"
#include "tests/support/http_client.h"
#include "tests/support/scratch.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_api {
	/* What a test may change between test_api_prepare() and test_api_start(). */
	struct settings settings;   /* registration is open */
	struct api_options options; /* no limits of rate; upkeep only when asked for */
	struct server_options server_options;
	struct store_options store_options;
	unsigned pow_bits;

	struct scratch scratch;
	char db[SCRATCH_PATH_MAX + 32], key[SCRATCH_PATH_MAX + 32], bundles[SCRATCH_PATH_MAX + 32];
	struct random random;
	struct vault *vault;
	struct pow_load *load;
	struct site site;
	struct store *store;
	struct api *api;
	struct server *server;
	struct admin *admin;
	struct endpoint at, admin_at;
};

void test_api_prepare(struct test_api *t);
void test_api_start(struct test_api *t);
void test_api_stop(struct test_api *t); /* the folder stays: it can be started again */
void test_api_end(struct test_api *t);  /* stops it if it runs, and removes the folder */

/* The clock of services in this process: the real one, put forward. */
struct instant test_api_clock(void);
void test_api_pass(uint64_t seconds);

/* One request; the token, the body and so on may be NULL. */
struct ask {
	const char *method, *path, *token;
	const char *json; /* a body of application/json */
	const void *body; /* or another one, as curl's --data-binary sends it */
	size_t body_len;
	const char *repeat; /* Idempotency-Key */
	bool text;          /* Accept: text/plain */
	const char *fields; /* more of them, each ended by \r\n */
};

struct got {
	unsigned status;
	json_t *json; /* NULL when the body is none */
	char *head, *body;
	size_t len;
};

/* False when no answer came: for threads, which must not fail a test.  *ret is to be freed. */
bool ask_try(const struct test_api *t, const struct ask *a, struct got *ret);
bool ask_on(struct http_client *c, const struct ask *a, struct got *ret);
struct got ask(const struct test_api *t, const struct ask *a);

/* The short form, with a JSON body or NULL; another status than wanted fails the test. */
struct got expect(const struct test_api *t, unsigned status, const char *method, const char *path,
    const char *token, const char *json);
void got_free(struct got a);

/* A field of the head, NULL without; a member of the JSON object that must be a string. */
const char *got_field(const struct got *a, const char *name);
const char *got_text(const struct got *a, const char *member);

/* Is it a problem document of this kind ("not-found")? */
bool got_is_problem(const struct got *a, const char *kind);

struct tenant {
	char account[65], token[33], share_id[17];
};

/* Registers over HTTP; makes a flock; lets a device ask to join; and approves it. */
void tenant_make(const struct test_api *t, struct tenant *ret);
void tenant_flock(const struct test_api *t, const struct tenant *who, char flock[static 17]);
void tenant_join(const struct test_api *t, const char *flock, char device[static 9]);
void tenant_approve(
    const struct test_api *t, const struct tenant *who, const char *flock, const char *device);

/* A token of that scope ("read", "approve", "full"). */
void tenant_token(
    const struct test_api *t, const struct tenant *who, const char *scope, char token[static 33]);

/* snprintf into one of a few buffers that take turns: for paths in calls.  One thread. */
const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* So many files with names of bundles come to lie in the folder: those of refused uploads go only
 * after their answers. */
void test_api_has_bundles(const struct test_api *t, unsigned count);

#endif
