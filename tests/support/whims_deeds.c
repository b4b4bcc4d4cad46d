/* SPDX-License-Identifier: ISC */
#include "tests/support/whims_parts.h"

#include "base/hex.h"
#include "tests/support/players.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NUMBERS   12 /* that are asked for: few, so that they come back */
#define MBIT_MOST 25
#define EXTRAS    4 /* cathedrals that nobody runs */
#define DAYS_MOST 40
#define CROWD     100
#define CROWDED   300

#define ID    "printf('%016x', f.id)"
#define OWNED "SELECT a.share_id, " ID " FROM flocks f JOIN accounts a ON a.id = f.account"
#define DEVICES                                                                                    \
	"SELECT a.share_id, " ID ", printf('%08x', d.id) FROM devices d JOIN flocks f"             \
	" ON f.id = d.flock JOIN accounts a ON a.id = f.account"

static struct promise
promise(enum promise_kind kind, const char *a, const char *b, const char *says)
{
	struct promise p = { .kind = kind };

	snprintf(p.a, WORD, "%s", a);
	snprintf(p.b, WORD, "%s", b);
	snprintf(p.says, WORD, "%s", says);
	return p;
}

/* A request of the owner of what was picked; its answer is of no use. */
static enum outcome
owner_asks(struct whims *w, const struct picked *of, const char *method, const char *path,
    const char *json)
{
	struct ask a = { .method = method, .path = path, .json = json };
	enum outcome outcome;
	struct got got;

	a.token = whims_token(w, of->words[0]);
	if (a.token == NULL)
		return NOTHING_TO_DO;
	outcome = whims_ask(w, &a, &got);
	got_free(got);
	return outcome;
}

/* ---- accounts ---- */

static enum outcome
account_begin(struct whims *w, struct truth *t)
{
	struct ask a = { .method = "POST", .path = "/v1/register" };
	char count[TRUTH_TEXT];
	enum outcome outcome;
	struct got got;

	truth_text(t, "SELECT count(*) FROM accounts", 0, 0, count);
	if (strtoul(count, NULL, 10) >= TENANTS_AT_ONCE || w->tenant_count == TENANTS_MOST)
		return NOTHING_TO_DO;
	outcome = whims_ask(w, &a, &got);
	if (outcome == DONE) {
		struct promise p;

		strcpy(w->tenants[w->tenant_count].share_id, got_text(&got, "share_id"));
		strcpy(w->tenants[w->tenant_count].token, got_text(&got, "token"));
		p = promise(OF_ACCOUNT, w->tenants[w->tenant_count++].share_id, "", "0");
		whims_settle(w, DONE, &p);
	}
	got_free(got);
	return outcome;
}

/* Its flocks go with it. */
static enum outcome
account_end(struct whims *w, struct truth *t)
{
	char flocks[8][WORD], sql[200];
	struct picked who;
	enum outcome outcome;
	sqlite3_stmt *s;
	size_t count = 0;

	if (!whims_pick(w, t, "SELECT share_id FROM accounts", &who))
		return NOTHING_TO_DO;
	snprintf(sql, sizeof(sql), "%s WHERE a.share_id = '%s'", OWNED, who.words[0]);
	assert_int_equal(sqlite3_prepare_v2(t->db, sql, -1, &s, NULL), SQLITE_OK);
	while (count < 8 && sqlite3_step(s) == SQLITE_ROW)
		snprintf(flocks[count++], WORD, "%s", sqlite3_column_text(s, 1));
	sqlite3_finalize(s);

	outcome = owner_asks(w, &who, "DELETE", "/v1/account", NULL);
	if (outcome != DONE && outcome != UNANSWERED)
		return outcome;
	for (size_t n = 0; n < count; n++) {
		struct promise p = promise(OF_FLOCK, flocks[n], "", "");

		whims_forget(w, flocks[n]);
		whims_settle(w, outcome, &p);
	}
	whims_forget_one(w, OF_ACCOUNT, who.words[0], "");
	return outcome;
}

static enum outcome
account_suspend(struct whims *w, struct truth *t)
{
	struct picked who;
	struct promise p;

	if (!whims_pick(w, t, "SELECT share_id FROM accounts WHERE suspended = 0", &who))
		return NOTHING_TO_DO;
	whims_must(w, (const char *[]){ "account", "suspend", who.words[0] }, 3);
	p = promise(OF_ACCOUNT, who.words[0], "", "1");
	whims_settle(w, DONE, &p);
	return DONE;
}

static enum outcome
account_resume(struct whims *w, struct truth *t)
{
	struct picked who;
	struct promise p;

	if (!whims_pick(w, t, "SELECT share_id FROM accounts WHERE suspended = 1", &who))
		return NOTHING_TO_DO;
	whims_must(w, (const char *[]){ "account", "resume", who.words[0] }, 3);
	p = promise(OF_ACCOUNT, who.words[0], "", "0");
	whims_settle(w, DONE, &p);
	return DONE;
}

/* As if its time were over, now or in a second. */
static enum outcome
account_expire(struct whims *w, struct truth *t)
{
	struct picked who;
	char sql[160];

	if (!whims_pick(w, t,
		"SELECT share_id FROM accounts WHERE served = 1 AND expires > unixepoch() + 9",
		&who))
		return NOTHING_TO_DO;
	snprintf(sql, sizeof(sql),
	    "UPDATE accounts SET expires = unixepoch() + %u WHERE share_id = '%s'",
	    random_below(&w->random, 2), who.words[0]);
	if (sqlite3_exec(t->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(t->db));
	return DONE;
}

static enum outcome
account_prolong(struct whims *w, struct truth *t)
{
	struct picked who;

	if (!whims_pick(
		w, t, "SELECT share_id FROM accounts WHERE expires < unixepoch() + 9", &who))
		return NOTHING_TO_DO;
	return owner_asks(w, &who, "POST", "/v1/account/extend", NULL);
}

/* Devices that had more are cut to it. */
static enum outcome
account_quota(struct whims *w, struct truth *t)
{
	struct picked who;
	char mbit[8];

	if (!whims_pick(w, t, "SELECT share_id FROM accounts", &who))
		return NOTHING_TO_DO;
	snprintf(mbit, sizeof(mbit), "%u", 1 + random_below(&w->random, MBIT_MOST));
	whims_forget_kind(w, OF_CAP);
	whims_must(w, (const char *[]){ "account", "set-quota", who.words[0], "--mbit", mbit }, 5);
	return DONE;
}

/* ---- flocks ---- */

static enum outcome
flock_make(struct whims *w, struct truth *t)
{
	struct ask a = { .method = "POST", .path = "/v1/flocks", .json = "{}" };
	struct picked who;
	enum outcome outcome;
	struct got got;

	if (!whims_pick(w, t, "SELECT share_id FROM accounts WHERE flocks < max_flocks", &who))
		return NOTHING_TO_DO;
	a.token = whims_token(w, who.words[0]);
	if (a.token == NULL)
		return NOTHING_TO_DO;
	outcome = whims_ask(w, &a, &got);
	if (outcome == DONE) {
		struct promise p = promise(OF_FLOCK, got_text(&got, "id"), "", "there");

		whims_settle(w, DONE, &p);
	}
	got_free(got);
	return outcome;
}

static enum outcome
flock_end(struct whims *w, struct truth *t)
{
	struct picked of;
	struct promise p;
	enum outcome outcome;

	if (!whims_pick(w, t, OWNED, &of))
		return NOTHING_TO_DO;
	outcome = owner_asks(w, &of, "DELETE", path_of("/v1/flocks/%s", of.words[1]), NULL);
	if (outcome == DONE || outcome == UNANSWERED)
		whims_forget(w, of.words[1]);
	p = promise(OF_FLOCK, of.words[1], "", "");
	whims_settle(w, outcome, &p);
	return outcome;
}

/* A generation that none had yet, as far as chance goes. */
static enum outcome
upload(struct whims *w, const struct picked *of, const char *path, const struct made_bundle *m,
    const char *other)
{
	struct ask a = { .method = "PUT", .path = path, .body = m->bytes, .body_len = m->len };
	enum outcome outcome;
	char generation[16];
	struct promise p;
	struct got got;

	a.token = whims_token(w, of->words[0]);
	if (a.token == NULL)
		return NOTHING_TO_DO;
	outcome = whims_ask(w, &a, &got);
	got_free(got);
	snprintf(generation, sizeof(generation), "%u",
	    (unsigned)m->bytes[2] << 24 | (unsigned)m->bytes[3] << 16 | (unsigned)m->bytes[4] << 8 |
		m->bytes[5]);
	p = promise(OF_AMBRY, of->words[1], other, generation);
	whims_settle(w, outcome, &p);
	return outcome;
}

static enum outcome
upload_own(struct whims *w, const struct picked *of)
{
	struct flock_id id = { 0 };

	hex_u64(&id.value, of->words[1], UINT64_MAX);
	bundle_rename(&w->bundle, id);
	bundle_renumber(&w->bundle, (uint32_t)random_u64(&w->random));
	return upload(
	    w, of, path_of("/v1/flocks/%s/ambry", of->words[1]), &w->bundle, of->words[1]);
}

static enum outcome
flock_upload(struct whims *w, struct truth *t)
{
	struct picked of;

	return whims_pick(w, t, OWNED, &of) ? upload_own(w, &of) : NOTHING_TO_DO;
}

/* ---- devices ---- */

/* A body with a key that is nobody else's, and an enrolment key or "". */
static const char *
join_json(struct whims *w, const char *enrolment, char json[static 200])
{
	uint8_t cosk[32];
	char text[65];

	random_bytes(&w->random, cosk, sizeof(cosk));
	hex_encode(text, cosk, sizeof(cosk));
	snprintf(json, 200, "{\"cosk\": \"%s\"%s%s%s}", text,
	    enrolment[0] != '\0' ? ", \"enrolment_key\": \"" : "", enrolment,
	    enrolment[0] != '\0' ? "\"" : "");
	return json;
}

static enum outcome
device_join(struct whims *w, struct truth *t)
{
	struct ask a = { .method = "POST" };
	struct picked of;
	enum outcome outcome;
	char json[200];
	struct got got;

	if (!whims_pick(w, t, OWNED, &of))
		return NOTHING_TO_DO;
	a.path = path_of("/v1/flocks/%s/devices", of.words[1]);
	a.json = join_json(w, "", json);
	outcome = whims_ask(w, &a, &got);
	got_free(got);
	return outcome;
}

/* A key for so many devices of the flock that was picked. */
static enum outcome
enrolment(struct whims *w, const struct picked *of, unsigned uses, char key[static 65])
{
	struct ask a = { .method = "POST", .token = whims_token(w, of->words[0]) };
	enum outcome outcome;
	char json[32];
	struct got got;

	if (a.token == NULL)
		return NOTHING_TO_DO;
	snprintf(json, sizeof(json), "{\"uses\": %u}", uses);
	a.json = json;
	a.path = path_of("/v1/flocks/%s/enrolments", of->words[1]);
	outcome = whims_ask(w, &a, &got);
	if (outcome == DONE)
		snprintf(key, 65, "%s", got_text(&got, "enrolment_key"));
	got_free(got);
	return outcome;
}

static enum outcome
enrol(struct whims *w, const char *flock, const char *key)
{
	char json[200];
	struct ask a = { .method = "POST",
		.path = path_of("/v1/flocks/%s/devices", flock),
		.json = join_json(w, key, json) };
	struct got got;
	enum outcome outcome = whims_ask(w, &a, &got);

	if (outcome == DONE) {
		struct promise p = promise(
		    OF_DEVICE, flock, got_text(&got, "cathedral_id"), got_text(&got, "device_kek"));

		whims_settle(w, DONE, &p);
	}
	got_free(got);
	return outcome;
}

static enum outcome
device_enrol(struct whims *w, struct truth *t)
{
	struct picked of;
	enum outcome outcome;
	char key[65];

	if (!whims_pick(w, t, OWNED, &of))
		return NOTHING_TO_DO;
	outcome = enrolment(w, &of, 1, key);
	return outcome == DONE ? enrol(w, of.words[1], key) : outcome;
}

/* So many that what there is does not fit a page of the feed, as long as there are few others. */
static enum outcome
device_crowd(struct whims *w, struct truth *t)
{
	enum outcome outcome;
	char devices[TRUTH_TEXT], key[65];
	struct picked of;

	truth_text(t, "SELECT count(*) FROM devices", 0, 0, devices);
	if (strtoul(devices, NULL, 10) > CROWDED || !whims_pick(w, t, OWNED, &of))
		return NOTHING_TO_DO;
	outcome = enrolment(w, &of, CROWD, key);
	for (unsigned n = 0; n < CROWD && outcome == DONE; n++)
		outcome = enrol(w, of.words[1], key);
	return outcome == DONE ? upload_own(w, &of) : outcome;
}

/* Sometimes with a number that is asked for, which may be taken. */
static enum outcome
device_approve(struct whims *w, struct truth *t)
{
	struct ask a = { .method = "POST", .json = "{}" };
	struct promise p;
	struct picked of;
	enum outcome outcome;
	char json[32];
	struct got got;

	if (!whims_pick(w, t,
		"SELECT a.share_id, " ID ", printf('%08x', j.id) FROM joins j JOIN flocks f"
		" ON f.id = j.flock JOIN accounts a ON a.id = f.account",
		&of))
		return NOTHING_TO_DO;
	a.path = path_of("/v1/flocks/%s/devices/%s/approve", of.words[1], of.words[2]);
	a.token = whims_token(w, of.words[0]);
	if (a.token == NULL)
		return NOTHING_TO_DO;
	if (random_below(&w->random, 3) == 0) {
		uint32_t kek = random_below(&w->random, NUMBERS) + 1;

		snprintf(json, sizeof(json), "{\"kek\": %u}",
		    random_below(&w->random, 8) == 0 ? 256 - kek : kek);
		a.json = json;
	}
	outcome = whims_ask(w, &a, &got);
	p = promise(OF_DEVICE, of.words[1], of.words[2],
	    outcome == DONE ? got_text(&got, "device_kek") : "");
	whims_settle(w, outcome, &p);
	got_free(got);
	return outcome;
}

static enum outcome
device_cap(struct whims *w, struct truth *t)
{
	char json[32], says[8];
	enum outcome outcome;
	struct picked of;
	struct promise p;

	if (!whims_pick(w, t, DEVICES, &of))
		return NOTHING_TO_DO;
	snprintf(says, sizeof(says), "%u", 1 + random_below(&w->random, MBIT_MOST));
	snprintf(json, sizeof(json), "{\"bw_limit\": %s}", says);
	outcome = owner_asks(
	    w, &of, "PATCH", path_of("/v1/flocks/%s/devices/%s", of.words[1], of.words[2]), json);
	p = promise(OF_CAP, of.words[1], of.words[2], says);
	whims_settle(w, outcome, &p);
	return outcome;
}

static enum outcome
device_secret(struct whims *w, struct truth *t)
{
	struct picked of;

	if (!whims_pick(w, t, DEVICES, &of))
		return NOTHING_TO_DO;
	return owner_asks(w, &of, "POST",
	    path_of("/v1/flocks/%s/devices/%s/secret", of.words[1], of.words[2]), NULL);
}

static enum outcome
device_end(struct whims *w, struct truth *t)
{
	enum outcome outcome;
	struct picked of;
	struct promise p;

	if (!whims_pick(w, t, DEVICES, &of))
		return NOTHING_TO_DO;
	outcome = owner_asks(
	    w, &of, "DELETE", path_of("/v1/flocks/%s/devices/%s", of.words[1], of.words[2]), NULL);
	if (outcome == DONE || outcome == UNANSWERED)
		whims_forget_one(w, OF_CAP, of.words[1], of.words[2]);
	p = promise(OF_DEVICE, of.words[1], of.words[2], "");
	whims_settle(w, outcome, &p);
	return outcome;
}

/* ---- xflocks ---- */

/* As often as not the answer to somebody else's. */
static enum outcome
xflock_consent(struct whims *w, struct truth *t)
{
	static const char open[] =
	    "SELECT a.share_id, " ID ", printf('%016x', x.flock) FROM xflocks x"
	    " JOIN flocks f ON f.id = x.other JOIN accounts a ON a.id = f.account"
	    " WHERE NOT EXISTS (SELECT 1 FROM xflocks y WHERE y.flock = x.other"
	    " AND y.other = x.flock)";
	static const char any[] = "SELECT a.share_id, " ID ", printf('%016x', g.id) FROM flocks f"
				  " JOIN accounts a ON a.id = f.account JOIN flocks g"
				  " ON g.id <> f.id";
	enum outcome outcome;
	struct picked of;
	struct promise p;

	if ((random_below(&w->random, 2) == 0 || !whims_pick(w, t, open, &of)) &&
	    !whims_pick(w, t, any, &of))
		return NOTHING_TO_DO;
	outcome = owner_asks(
	    w, &of, "PUT", path_of("/v1/flocks/%s/xflocks/%s", of.words[1], of.words[2]), NULL);
	p = promise(OF_CONSENT, of.words[1], of.words[2], "there");
	whims_settle(w, outcome, &p);
	return outcome;
}

static enum outcome
xflock_withdraw(struct whims *w, struct truth *t)
{
	enum outcome outcome;
	struct picked of;
	struct promise p;

	if (!whims_pick(w, t,
		"SELECT a.share_id, " ID ", printf('%016x', x.other) FROM xflocks x JOIN flocks f"
		" ON f.id = x.flock JOIN accounts a ON a.id = f.account",
		&of))
		return NOTHING_TO_DO;
	outcome = owner_asks(
	    w, &of, "DELETE", path_of("/v1/flocks/%s/xflocks/%s", of.words[1], of.words[2]), NULL);
	if (outcome == DONE || outcome == UNANSWERED) {
		whims_forget_one(w, OF_AMBRY, of.words[1], of.words[2]);
		whims_forget_one(w, OF_AMBRY, of.words[2], of.words[1]);
	}
	p = promise(OF_CONSENT, of.words[1], of.words[2], "");
	whims_settle(w, outcome, &p);
	return outcome;
}

/* The bundle may name the two either way round. */
static enum outcome
xflock_upload(struct whims *w, struct truth *t)
{
	struct flock_id a = { 0 }, b = { 0 };
	struct made_bundle m;
	enum outcome outcome;
	struct picked of;
	unsigned days;
	bool turned;

	if (!whims_pick(w, t,
		"SELECT a.share_id, " ID ", printf('%016x', x.other) FROM xflocks x JOIN xflocks y"
		" ON y.flock = x.other AND y.other = x.flock JOIN flocks f ON f.id = x.flock"
		" JOIN accounts a ON a.id = f.account",
		&of))
		return NOTHING_TO_DO;
	hex_u64(&a.value, of.words[1], UINT64_MAX);
	hex_u64(&b.value, of.words[2], UINT64_MAX);
	turned = random_below(&w->random, 2) == 0;
	days = 2 + random_below(&w->random, DAYS_MOST);
	m = bundle_make(turned ? b : a, turned ? a : b, (uint32_t)random_u64(&w->random),
	    clock_now().wall_s, days);
	whims_forget_one(w, OF_AMBRY, of.words[2], of.words[1]);
	outcome = upload(w, &of,
	    path_of("/v1/flocks/%s/xflocks/%s/ambry", of.words[1], of.words[2]), &m, of.words[2]);
	free(m.bytes);
	return outcome;
}

/* ---- cathedrals ---- */

static void
fleet_promise(struct whims *w, struct truth *t, const char *name)
{
	char says[TRUTH_TEXT], sql[120];
	struct promise p;

	snprintf(sql, sizeof(sql),
	    "SELECT draining || ' ' || nat_port FROM cathedrals WHERE name = '%s'", name);
	p = promise(OF_FLEET, name, "", truth_text(t, sql, 0, 0, says));
	whims_settle(w, DONE, &p);
}

/* One that nobody runs comes, changes or goes. */
static enum outcome
fleet_change(struct whims *w, struct truth *t)
{
	unsigned n = random_below(&w->random, EXTRAS);
	char name[16], at[32], port[8], sql[80], there[TRUTH_TEXT];

	snprintf(name, sizeof(name), "extra%u", n);
	snprintf(at, sizeof(at), "127.0.9.%u:4500", n + 1);
	snprintf(port, sizeof(port), "%u", 5000 + random_below(&w->random, 1000));
	snprintf(sql, sizeof(sql), "SELECT 1 FROM cathedrals WHERE name = '%s'", name);
	if (truth_text(t, sql, 0, 0, there)[0] == '\0')
		whims_must(w,
		    (const char *[]){ "cathedral", "add", name, at, "--nat-port", port,
			random_below(&w->random, 2) == 0 ? "--clear" : NULL },
		    7);
	else if (random_below(&w->random, 2) == 0)
		whims_must(w, (const char *[]){ "cathedral", "remove", name, "--yes" }, 4);
	else
		whims_must(w, (const char *[]){ "cathedral", "set", name, "--nat-port", port }, 5);
	fleet_promise(w, t, name);
	return DONE;
}

/* Any of them, the real ones too. */
static enum outcome
fleet_drain(struct whims *w, struct truth *t)
{
	struct picked of;

	if (!whims_pick(w, t, "SELECT name, draining FROM cathedrals", &of))
		return NOTHING_TO_DO;
	whims_must(w,
	    (const char *[]){
		"cathedral", "drain", of.words[0], of.words[1][0] == '1' ? "--off" : NULL },
	    4);
	fleet_promise(w, t, of.words[0]);
	return DONE;
}

/* ---- time ---- */

static enum outcome
time_passes(struct whims *w, struct truth *t)
{
	(void)t;
	pause_ms(random_below(&w->random, 100));
	return DONE;
}

const struct whim whim_kinds[] = {
	{ "account: register", account_begin, 6 },
	{ "account: delete", account_end, 1 },
	{ "account: suspend", account_suspend, 2 },
	{ "account: resume", account_resume, 8 },
	{ "account: its time ends", account_expire, 2 },
	{ "account: extend", account_prolong, 8 },
	{ "account: quota", account_quota, 1 },
	{ "flock: create", flock_make, 14 },
	{ "flock: delete", flock_end, 2 },
	{ "flock: upload", flock_upload, 5 },
	{ "device: join", device_join, 30 },
	{ "device: enrol", device_enrol, 12 },
	{ "device: a crowd", device_crowd, 2 },
	{ "device: approve", device_approve, 30 },
	{ "device: cap", device_cap, 12 },
	{ "device: new secret", device_secret, 5 },
	{ "device: delete", device_end, 12 },
	{ "xflock: agree", xflock_consent, 12 },
	{ "xflock: withdraw", xflock_withdraw, 4 },
	{ "xflock: upload", xflock_upload, 3 },
	{ "cathedral: come, go", fleet_change, 3 },
	{ "cathedral: drain", fleet_drain, 3 },
	{ "time passes", time_passes, 8 },
};

const size_t whim_count = sizeof(whim_kinds) / sizeof(whim_kinds[0]);
