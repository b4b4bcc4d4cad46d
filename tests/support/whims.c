/* SPDX-License-Identifier: ISC */
#include "tests/support/whims_parts.h"

#include "tests/support/players.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define COMMAND_WORDS 16
#define DAYS          30

struct whims *
whims_create(uint64_t seed, const char *data, const struct endpoint *at, const char *log)
{
	struct whims *w = calloc(1, sizeof(*w));
	struct flock_id none = { 0 };

	assert_non_null(w);
	assert_true(whim_count <= sizeof(w->counts) / sizeof(w->counts[0]));
	random_from_seed(&w->random, seed);
	w->data = data;
	w->log = log;
	w->at = *at;
	w->bundle = bundle_make(none, none, 1, clock_now().wall_s, DAYS);
	return w;
}

void
whims_destroy(struct whims *w)
{
	if (w == NULL)
		return;
	free(w->bundle.bytes);
	free(w);
}

/* ---- looking around ---- */

bool
whims_pick(struct whims *w, struct truth *t, const char *sql, struct picked *ret)
{
	sqlite3_stmt *s;
	uint32_t rows = 0;

	if (sqlite3_prepare_v2(t->db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
	while (sqlite3_step(s) == SQLITE_ROW) {
		if (random_below(&w->random, ++rows) != 0)
			continue;
		for (int n = 0; n < 3 && n < sqlite3_column_count(s); n++)
			snprintf(ret->words[n], WORD, "%s", sqlite3_column_text(s, n));
	}
	if (sqlite3_finalize(s) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
	return rows > 0;
}

const char *
whims_token(const struct whims *w, const char *share_id)
{
	for (size_t n = 0; n < w->tenant_count; n++) {
		if (strcmp(w->tenants[n].share_id, share_id) == 0)
			return w->tenants[n].token;
	}
	return NULL;
}

/* ---- asking ---- */

enum outcome
whims_ask(struct whims *w, const struct ask *a, struct got *got)
{
	struct http_client c = { .fd = -1 };
	bool answered;

	*got = (struct got){ 0 };
	answered = http_open(&c, &w->at) && ask_on(&c, a, got);
	http_close(&c);
	if (!answered) {
		if (!w->doomed)
			fail_msg("%s %s: no answer", a->method, a->path);
		return UNANSWERED;
	}
	if (got->status >= 200 && got->status <= 299)
		return DONE;
	if (got->status == 403 || got->status == 404 || got->status == 409)
		return REFUSED;
	fail_msg("%s %s: %u %s", a->method, a->path, got->status, got->body);
	return REFUSED;
}

bool
whims_command(const char *data, const char *const *words, size_t count, const char *output)
{
	const char *argv[COMMAND_WORDS] = { "reliquary-api", "--data", data };
	struct player said = { .name = "command" };
	int status;

	assert_true(count + 4 <= COMMAND_WORDS);
	memcpy(&argv[3], words, count * sizeof(words[0]));
	status = player_run(argv, output);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(said.log, sizeof(said.log), "%s", output);
	player_show(&said);
	return false;
}

void
whims_must(struct whims *w, const char *const *words, size_t count)
{
	if (!whims_command(w->data, words, count, w->log))
		fail_msg("reliquary-api %s %s %s fails", words[0], words[1], words[2]);
}

/* ---- promises ---- */

static struct promise *
promise_of(struct whims *w, enum promise_kind kind, const char *a, const char *b)
{
	for (size_t n = 0; n < w->promise_count; n++) {
		struct promise *p = &w->promises[n];

		if (p->kind == kind && strcmp(p->a, a) == 0 && strcmp(p->b, b) == 0)
			return p;
	}
	return NULL;
}

static void
drop(struct whims *w, struct promise *p)
{
	*p = w->promises[--w->promise_count];
}

void
whims_forget_one(struct whims *w, enum promise_kind kind, const char *a, const char *b)
{
	struct promise *p = promise_of(w, kind, a, b);

	if (p != NULL)
		drop(w, p);
}

void
whims_forget_kind(struct whims *w, enum promise_kind kind)
{
	for (size_t n = w->promise_count; n-- > 0;) {
		if (w->promises[n].kind == kind)
			drop(w, &w->promises[n]);
	}
}

void
whims_forget_all(struct whims *w)
{
	w->promise_count = 0;
}

void
whims_forget(struct whims *w, const char *flock)
{
	for (size_t n = w->promise_count; n-- > 0;) {
		struct promise *p = &w->promises[n];

		if (strcmp(p->a, flock) == 0 || strcmp(p->b, flock) == 0)
			drop(w, p);
	}
}

void
whims_settle(struct whims *w, enum outcome outcome, const struct promise *promise)
{
	if (outcome != DONE && outcome != UNANSWERED)
		return;
	whims_forget_one(w, promise->kind, promise->a, promise->b);
	if (outcome == UNANSWERED)
		return;
	if (w->promise_count == PROMISES_MOST) /* the oldest have been checked often enough */
		drop(w, &w->promises[0]);
	w->promises[w->promise_count++] = *promise;
}

/* Flocks and devices as the database has them. */
static int64_t
number(const char *hex)
{
	return (int64_t)strtoull(hex, NULL, 16);
}

static void
statement(const struct promise *p, char sql[static 256])
{
	int64_t a = number(p->a), b = number(p->b);

	switch (p->kind) {
	case OF_ACCOUNT:
		snprintf(sql, 256, "SELECT suspended FROM accounts WHERE share_id = '%s'", p->a);
		break;
	case OF_FLOCK:
		snprintf(sql, 256, "SELECT 'there' FROM flocks WHERE id = %" PRId64, a);
		break;
	case OF_DEVICE:
		snprintf(sql, 256,
		    "SELECT kek FROM devices WHERE flock = %" PRId64 " AND id = %" PRId64, a, b);
		break;
	case OF_CAP:
		snprintf(sql, 256,
		    "SELECT bw_limit FROM devices WHERE flock = %" PRId64 " AND id = %" PRId64, a,
		    b);
		break;
	case OF_AMBRY:
		snprintf(sql, 256,
		    "SELECT generation FROM bundles WHERE flock_a = min(%" PRId64 ", %" PRId64
		    ") AND flock_b = max(%" PRId64 ", %" PRId64 ")",
		    a, b, a, b);
		break;
	case OF_CONSENT:
		snprintf(sql, 256,
		    "SELECT 'there' FROM xflocks WHERE flock = %" PRId64 " AND other = %" PRId64, a,
		    b);
		break;
	case OF_FLEET:
		snprintf(sql, 256,
		    "SELECT draining || ' ' || nat_port FROM cathedrals WHERE name = '%s'", p->a);
		break;
	}
}

void
whims_check(struct whims *w, struct truth *t)
{
	for (size_t n = 0; n < w->promise_count; n++) {
		const struct promise *p = &w->promises[n];
		char sql[256], says[TRUTH_TEXT];

		statement(p, sql);
		if (strcmp(truth_text(t, sql, 0, 0, says), p->says) != 0)
			fail_msg("it was acknowledged that \"%s\" says \"%s\", but it says \"%s\"",
			    sql, p->says, says);
	}
}

/* ---- which one ---- */

void
whims_step(struct whims *w, struct truth *t, bool doomed)
{
	unsigned all = 0, chosen;
	enum outcome outcome;

	for (size_t n = 0; n < whim_count; n++)
		all += whim_kinds[n].often;
	chosen = random_below(&w->random, all);
	for (w->last = 0; chosen >= whim_kinds[w->last].often; w->last++)
		chosen -= whim_kinds[w->last].often;
	w->doomed = doomed;
	outcome = whim_kinds[w->last].run(w, t);
	w->counts[w->last][outcome]++;
}

const char *
whims_last(const struct whims *w)
{
	return whim_kinds[w->last].name;
}

unsigned
whims_tell(const struct whims *w)
{
	unsigned done = 0;

	for (size_t n = 0; n < whim_count; n++) {
		const unsigned *c = w->counts[n];

		printf("# %-22s %5u done, %4u refused, %3u unanswered, %4u times nothing to do\n",
		    whim_kinds[n].name, c[DONE], c[REFUSED], c[UNANSWERED], c[NOTHING_TO_DO]);
		done += c[DONE];
	}
	return done;
}
