/* SPDX-License-Identifier: ISC */
/*
 * Every row of the route table, times everybody who might ask.  What is expected follows from the
 * row's columns by the rules in verdict_on(), so a route that is added is in here by itself.
 */
#include "base/log.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/routes.h"
#include "tests/support/trial.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum standing {
	NOBODY,   /* no token */
	STRANGER, /* a token that is nobody's */
	CATHEDRAL,
	SUSPENDED,
	EXPIRED,
	OTHER,  /* another tenant, with a full token */
	READER, /* the owner, with a token of little scope */
	APPROVER,
	OWNER,
	STANDINGS,
};

static const char *const names[STANDINGS] = { "no token", "nobody's token", "a cathedral's token",
	"a suspended account", "an expired account", "another tenant", "the owner's read token",
	"the owner's approve token", "the owner" };

static const enum scope scopes[STANDINGS] = { [SUSPENDED] = SCOPE_FULL,
	[EXPIRED] = SCOPE_FULL,
	[OTHER] = SCOPE_FULL,
	[READER] = SCOPE_READ,
	[APPROVER] = SCOPE_APPROVE,
	[OWNER] = SCOPE_FULL };

#define GRANTED ((struct verdict){ .status = 0 })

static bool
is_granted(const struct verdict *v)
{
	return v->status == 0;
}

/* The rules. */
static struct verdict
verdict_on(const struct route *r, enum standing who)
{
	if (r->handle == handle_challenge) /* registration is open here */
		return (struct verdict){ "no challenge", 404, "not-found", true };
	if (r->access == ACCESS_ANYONE)
		return GRANTED;
	if (r->access == ACCESS_CATHEDRAL && who == CATHEDRAL)
		return GRANTED;
	if (who <= CATHEDRAL || r->access == ACCESS_CATHEDRAL)
		return (struct verdict){ names[who], 401, "token", false };
	if (who == SUSPENDED)
		return (struct verdict){ names[who], 403, "account-suspended", false };
	if (who == EXPIRED && r->access != ACCESS_ENDED)
		return (struct verdict){ names[who], 403, "account-expired", false };
	if (scopes[who] < r->scope)
		return (struct verdict){ names[who], 403, "scope", false };
	/* Whose it is, is part of every statement that handlers make; for uploads it is asked
	 * before the first byte. */
	if (who == OTHER && route_params(r) > 0)
		return (struct verdict){ names[who], 404, "not-found", r->body != BODY_UPLOAD };
	return GRANTED;
}

/* People whom requests that are refused do not change, and who so can be used again. */
struct cast {
	struct household suspended, expired, other;
};

static void
stand(struct trial *m, const struct household *h, enum standing as)
{
	if (as == SUSPENDED)
		onlooker_change(&m->o, "UPDATE accounts SET suspended = 1 WHERE share_id = ?1",
		    h->who.share_id);
	if (as == EXPIRED)
		onlooker_change(&m->o, "UPDATE accounts SET expires = created WHERE share_id = ?1",
		    h->who.share_id);
	onlooker_look(&m->o);
}

static void
cast_make(struct trial *m, struct cast *c)
{
	household_make(&m->t, &c->suspended);
	stand(m, &c->suspended, SUSPENDED);
	household_make(&m->t, &c->expired);
	stand(m, &c->expired, EXPIRED);
	household_make(&m->t, &c->other);
	onlooker_look(&m->o);
}

static const char *
token_of(const struct trial *m, const struct household *h, enum standing who)
{
	switch (who) {
	case NOBODY:
		return NULL;
	case STRANGER:
		return "0123456789abcdef0123456789abcdef";
	case CATHEDRAL:
		return m->cathedral;
	case READER:
		return h->reads;
	case APPROVER:
		return h->approves;
	default:
		return h->who.token;
	}
}

/* Whose token it is, where it is an account's, as long as nothing comes of it. */
static const struct household *
asker(const struct trial *m, const struct cast *c, enum standing who)
{
	switch (who) {
	case SUSPENDED:
		return &c->suspended;
	case EXPIRED:
		return &c->expired;
	case OTHER:
		return &c->other;
	default:
		return &m->victim;
	}
}

static void
refuse_cell(struct trial *m, const struct cast *c, const struct route *r, enum standing who)
{
	const struct verdict v = verdict_on(r, who);
	const struct household *h = asker(m, c, who);
	struct route_ask a;
	struct got got;

	trial_ask(&a, r, &m->victim.has, token_of(m, h, who));
	got = trial_refused(m, &a.ask, &v);
	if (v.status == 401)
		assert_string_equal(got_field(&got, "WWW-Authenticate"), "Bearer");
	got_free(got);
	if (who != SUSPENDED && who != EXPIRED)
		return;
	/* Not even their own. */
	trial_ask(&a, r, &h->has, h->who.token);
	got_free(trial_refused(m, &a.ask, &v));
}

/* The secret that the feed tells of a device. */
static const char *
fed_secret(json_t *page, const char *device)
{
	json_t *flock, *one;
	size_t f, d;

	json_array_foreach(json_object_get(page, "flocks"), f, flock)
	{
		json_array_foreach(json_object_get(flock, "devices"), d, one)
		{
			json_t *id = json_object_get(one, "cathedral_id");

			if (strcmp(json_string_value(id), device) == 0)
				return json_string_value(json_object_get(one, "cathedral_secret"));
		}
	}
	return NULL;
}

/*
 * Cathedrals serve everybody, so they are told of everybody: the flocks that have tunnels, their
 * approved devices with what these share with cathedrals, and nothing else.
 */
static void
feed_tells_what_it_may(struct trial *m)
{
	const struct things *x = &m->victim.has;
	struct got got = expect(&m->t, 200, "GET", "/v1/cathedral/feed", m->cathedral, NULL);
	const char *secret = fed_secret(got.json, x->device), *told;

	assert_non_null(secret);
	told = household_betrayed(
	    &m->victim, &got, path_of("%s %s %s %s", x->flock, x->other, x->device, secret));
	if (told != NULL)
		fail_msg("the feed tells %s: %s", told, got.body);
	got_free(got);
}

/* With a whole household that is for this request only: it may be the last thing it does. */
static void
grant_cell(struct trial *m, const struct route *r, enum standing who)
{
	bool account = r->access == ACCESS_ACCOUNT || r->access == ACCESS_ENDED;
	const struct household *foreign = who == OTHER || !account ? &m->victim : NULL;
	const struct things *x = &m->victim.has;
	struct made_bundle bundle = { NULL, 0 };
	struct household h;
	struct route_ask a;

	if (r->handle == handle_feed) {
		foreign = NULL;
		feed_tells_what_it_may(m);
	}
	if (account) {
		household_make(&m->t, &h);
		stand(m, &h, who);
		x = &h.has;
	}
	trial_ask(&a, r, x, token_of(m, account ? &h : &m->victim, who));
	if (r->body == BODY_UPLOAD) {
		bundle = household_bundle(x, route_params(r) == 2, 7);
		a.fields[0] = '\0';
		a.ask.body = bundle.bytes;
		a.ask.body_len = bundle.len;
	}
	trial_granted(m, &a.ask, names[who], foreign);
	free(bundle.bytes);
}

static void
every_route_is_for_whom_its_row_says(void **state)
{
	unsigned granted = 0, refused = 0;
	struct trial m;
	struct cast c;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	household_upload(&m.t, &m.victim);
	cast_make(&m, &c);
	for (const struct route *r = routes; r->path != NULL; r++) {
		for (enum standing who = NOBODY; who < STANDINGS; who++) {
			const struct verdict v = verdict_on(r, who);

			if (is_granted(&v))
				grant_cell(&m, r, who);
			else
				refuse_cell(&m, &c, r, who);
			granted += is_granted(&v);
			refused += !is_granted(&v);
		}
	}
	printf("# %u granted, %u refused\n", granted, refused);
	trial_end(&m);
}

#define WRONG     8
#define WRONG_MAX 300

/* Tokens that look nearly like the victim's. */
static void
nearly_right_tokens(const char *right, char wrong[static WRONG][WRONG_MAX])
{
	char *upper = wrong[1];

	memset(wrong, 0, WRONG * sizeof(wrong[0]));
	strcpy(wrong[0], "x");
	for (size_t i = 0; i < 32; i++)
		upper[i] = (char)toupper((unsigned char)right[i]);
	if (strcmp(upper, right) == 0) /* digits alone have no upper case */
		upper[0] = 'X';
	memcpy(wrong[2], right, 31);
	memcpy(wrong[3], right, 32);
	wrong[3][32] = '0';
	memcpy(wrong[4], right, 32);
	wrong[4][31] = right[31] == '0' ? '1' : '0';
	memcpy(wrong[5], right, 32);
	memcpy(wrong[5] + 32, ",x", 2);
	memcpy(wrong[6], "%36", 3);
	memcpy(wrong[6] + 3, right + 1, 31);
	memset(wrong[7], 'a', WRONG_MAX - 1);
}

static void
refuse_as(struct trial *m, const struct route *r, const char *scheme, const char *token)
{
	const struct verdict v = { "nearly the victim's token", 401, "token", false };
	char fields[512 + WRONG_MAX];
	struct route_ask a;

	trial_ask(&a, r, &m->victim.has, scheme == NULL ? token : NULL);
	if (scheme != NULL) {
		snprintf(fields, sizeof(fields), "%.255s%s %s\r\n", a.fields, scheme, token);
		a.ask.fields = fields;
	}
	got_free(trial_refused(m, &a.ask, &v));
}

static void
no_token_is_nearly_right(void **state)
{
	char wrong[WRONG][WRONG_MAX], behind[128];
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	nearly_right_tokens(m.victim.who.token, wrong);
	snprintf(behind, sizeof(behind), "x-token: %.32s\r\nAuthorization: Bearer", wrong[4]);
	for (const struct route *r = routes; r->path != NULL; r++) {
		if (r->access == ACCESS_ANYONE)
			continue;
		for (size_t n = 0; n < WRONG; n++) {
			refuse_as(&m, r, NULL, wrong[n]);
			refuse_as(&m, r, "Authorization: Bearer", wrong[n]);
		}
		refuse_as(&m, r, "Authorization: Basic", m.victim.who.token);
		refuse_as(&m, r, behind, m.victim.who.token);
		refuse_as(&m, r, "Cookie: x-token =", m.victim.who.token);
	}
	trial_end(&m);
}

static const struct verdict theirs = { "not the asker's", 404, "not-found", true };

/* One parameter (n) is this text, unless it is NULL. */
static struct got
refuse_foreign(struct trial *m, const struct route *r, const struct things *x, const char *token,
    size_t n, const char *text)
{
	struct verdict v = theirs;
	struct route_ask a;

	v.handled = r->body != BODY_UPLOAD;
	trial_ask_with(&a, r, x, token, n, text);
	return trial_refused(m, &a.ask, &v);
}

static void
compare_and_free(struct got a, struct got b, const char *what)
{
	if (!trial_same(&a, &b))
		fail_msg("%s: %u %s\n%u %s", what, a.status, a.body, b.status, b.body);
	got_free(a);
	got_free(b);
}

/* What a stranger to a thing is told of it, of what never was, and of what cannot be. */
static void
say_the_same(struct trial *m, const struct route *r, const char *token, const struct things *own)
{
	const struct things *of_victim = &m->victim.has, *none = &m->nowhere;
	size_t last = route_params(r) - 1;

	compare_and_free(refuse_foreign(m, r, of_victim, token, 0, NULL),
	    refuse_foreign(m, r, none, token, 0, NULL), r->path);
	compare_and_free(refuse_foreign(m, r, of_victim, token, last, "not-an-id"),
	    refuse_foreign(m, r, none, token, 0, NULL), r->path);
	if (last == 0 || r->handle == handle_xflock_create)
		return;
	/* In a flock of one's own, something that is in another's. */
	compare_and_free(refuse_foreign(m, r, own, token, 1, route_thing(r, of_victim, 1)),
	    refuse_foreign(m, r, own, token, 1, route_thing(r, none, 1)), r->path);
}

static void
not_yours_and_not_there_are_one_answer(void **state)
{
	struct household other;
	unsigned compared = 0;
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	household_upload(&m.t, &m.victim);
	household_make(&m.t, &other);
	onlooker_look(&m.o);
	for (const struct route *r = routes; r->path != NULL; r++) {
		if (route_params(r) == 0 || r->access == ACCESS_ANYONE)
			continue;
		say_the_same(&m, r, other.who.token, &other.has);
		if (r->scope <= SCOPE_APPROVE)
			say_the_same(&m, r, other.approves, &other.has);
		if (r->scope <= SCOPE_READ)
			say_the_same(&m, r, other.reads, &other.has);
		compared++;
	}
	assert_true(compared > 20);
	trial_end(&m);
}

/* The answer names what was asked for, which is another one each time. */
static void
blank(struct got *a, const char *id)
{
	for (char *at = strstr(a->body, id); at != NULL; at = strstr(at, id))
		memset(at, '-', strlen(id));
}

/* To agree to tunnels with a flock is to know its id, and no more than that. */
static void
consent_does_not_tell_who_is_there(void **state)
{
	static const char *const paths[][4] = {
		{ "PUT", "/v1/flocks/", "/xflocks/", "" },
		{ "PUT", "/v1/flocks/", "/xflocks/", "" },
		{ "POST", "/v1/xflock/", "/", "/create" },
		{ "DELETE", "/v1/flocks/", "/xflocks/", "" },
		{ "POST", "/v1/xflock/", "/", "/create" },
		{ "POST", "/v1/xflock/", "/", "/delete" },
		{ "DELETE", "/v1/flocks/", "/xflocks/", "" },
	};
	char foreign[96], nowhere[96];
	struct household other;
	struct got a, b;
	struct trial m;

	(void)state;
	trial_prepare(&m);
	trial_start(&m);
	household_make(&m.t, &other);
	for (size_t n = 0; n < sizeof(paths) / sizeof(paths[0]); n++) {
		struct ask one = { paths[n][0], foreign, other.who.token, .json = NULL };
		struct ask two = { paths[n][0], nowhere, other.who.token, .json = NULL };

		snprintf(foreign, sizeof(foreign), "%s%s%s%s%s", paths[n][1], other.has.flock,
		    paths[n][2], m.victim.has.flock, paths[n][3]);
		snprintf(nowhere, sizeof(nowhere), "%s%s%s%s%s", paths[n][1], other.has.flock,
		    paths[n][2], m.nowhere.flock, paths[n][3]);
		a = ask(&m.t, &one);
		b = ask(&m.t, &two);
		blank(&a, m.victim.has.flock);
		blank(&b, m.nowhere.flock);
		compare_and_free(a, b, foreign);
	}
	assert_int_equal(
	    onlooker_number(&m.o, "SELECT count(*) FROM xflocks WHERE ?1 <> ''", "-"), 4);
	trial_end(&m);
}

#define MOST 5
#define COSK "0707070707070707070707070707070707070707070707070707070707070707"

/* Strangers who want to join, until no more may wait, and with keys that are none. */
static void
joining_does_not_tell_who_is_there(void **state)
{
	static const struct {
		const char *json;
		unsigned status;
	} bodies[] = {
		{ "{\"cosk\": \"" COSK "\"}", 201 },
		{ "{\"cosk\": \"" COSK "\", \"enrolment_key\": \"0123456789abcdef\"}", 403 },
		{ "{\"cosk\": \"" COSK "\", \"lable\": \"a\"}", 400 },
		{ "{\"cosk\": \"" COSK "0\"}", 400 },
	};
	char foreign[64], nowhere[64];
	struct got a, b;
	struct trial m;

	(void)state;
	trial_prepare(&m);
	m.t.settings.joins_most = MOST;
	trial_start(&m);
	/* One waits there already: it was let in, so that both have room for as many. */
	tenant_approve(&m.t, &m.victim.who, m.victim.has.flock, m.victim.has.pending);
	snprintf(foreign, sizeof(foreign), "/v1/flocks/%s/devices", m.victim.has.flock);
	snprintf(nowhere, sizeof(nowhere), "/v1/flocks/%s/devices", m.nowhere.flock);
	for (int n = 0; n < MOST + 3; n++) {
		for (size_t k = 0; k < sizeof(bodies) / sizeof(bodies[0]); k++) {
			const struct ask one = { "POST", foreign, .json = bodies[k].json };
			const struct ask two = { "POST", nowhere, .json = bodies[k].json };
			bool full = bodies[k].status == 201 && n >= MOST;

			a = ask(&m.t, &one);
			b = ask(&m.t, &two);
			assert_null(household_betrayed(&m.victim, &a, foreign));
			assert_int_equal(a.status, full ? 409 : bodies[k].status);
			if (a.status == 201) {
				blank(&a, got_text(&a, "cathedral_id"));
				blank(&a, got_text(&a, "cathedral_secret"));
				blank(&a, m.victim.has.flock);
				blank(&b, got_text(&b, "cathedral_id"));
				blank(&b, got_text(&b, "cathedral_secret"));
				blank(&b, m.nowhere.flock);
			}
			compare_and_free(a, b, bodies[k].json);
		}
	}
	trial_end(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_for_whom_its_row_says),
		cmocka_unit_test(no_token_is_nearly_right),
		cmocka_unit_test(not_yours_and_not_there_are_one_answer),
		cmocka_unit_test(consent_does_not_tell_who_is_there),
		cmocka_unit_test(joining_does_not_tell_who_is_there),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_matrix", tests, NULL, NULL);
}
