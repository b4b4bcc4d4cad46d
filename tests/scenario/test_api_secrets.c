/* SPDX-License-Identifier: ISC */
/*
 * What was given out is known to whom it was given: it is not in the log, whatever the level and
 * whatever goes wrong, nor in the database, its log of writes or a backup.  And a copy of the
 * database without the key file opens nothing.
 */
#include "base/hex.h"
#include "base/log.h"
#include "reliquary-api/auth/pow.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/handlers/handlers.h"
#include "reliquary-api/handlers/secrets.h"
#include "reliquary-api/routes.h"
#include "reliquary-api/store/ledger.h"
#include "tests/support/captured.h"
#include "tests/support/errand.h"
#include "tests/support/mixed.h"
#include "tests/support/vfs.h"
#include "tests/support/words.h"

#include <dirent.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define REGISTER_KEY "an-idempotency-key-of-forty-characters--"

/* Who asks, as a proxy on this host says it; the same as bytes. */
#define PERSON       "2001:db8:5ec2:e701:1a2b:3c4d:5e6f:7081"
#define PERSON_BYTES "20010db85ec2e7011a2b3c4d5e6f7081"
#define FORWARDED    "X-Forwarded-For: " PERSON "\r\n"

struct scene {
	struct test_api t;
	struct vfs *v;
	struct mixed m;
	struct mixed_life life;
	struct words *secrets; /* account keys, tokens and so on */
	struct words *names;   /* ids, labels: known to the database, of no interest in a log */
	struct captured log;
	bool capturing;
	char key[65], cathedral_token[33], enrolment_key[33], invite[33];
};

static void
member_add(struct words *w, const struct got *a, const char *member)
{
	const char *text = json_string_value(json_object_get(a->json, member));

	if (text != NULL)
		words_add(w, text);
}

/* Everything that an answer shows once, and what it calls things. */
static void
collect(void *arg, const struct ask *a, const struct got *got)
{
	static const char *const secret[] = { "account", "token", "cathedral_secret",
		"enrolment_key" };
	static const char *const name[] = { "share_id", "id", "cathedral_id", "flock" };
	struct scene *s = arg;

	(void)a;
	if (got->status >= 300)
		return;
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		member_add(s->secrets, got, secret[i]);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		member_add(s->names, got, name[i]);
}

static struct got
asked(struct scene *s, unsigned status, const char *path, const char *token, const char *json)
{
	struct got a = expect(&s->t, status, "POST", path, token, json);

	collect(s, NULL, &a);
	return a;
}

static struct hash32
hash_of(const struct scene *s, enum secret_kind kind, const char *text)
{
	struct secret_hash made = vault_hash(s->t.vault, kind, text, strlen(text));
	struct hash32 ret;

	memcpy(ret.bytes, made.bytes, sizeof(ret.bytes));
	return ret;
}

/* What operators give out. */
static void
hand_out(struct scene *s)
{
	struct invite i = { .id = 1, .uses_left = 2, .expires = test_api_clock().wall_s + 3600 };
	struct hash32 hash;
	struct session *session;
	struct fault why;

	errand_cathedral(&s->t, s->cathedral_token);
	session = session_open_writer(s->t.store, &why);
	assert_non_null(session);
	token_new(s->invite, 16, &s->t.random);
	hash = hash_of(s, SECRET_INVITE, s->invite);
	assert_int_equal(invite_create(session, &i, &hash), STORE_OK);
	session_close(session);
	words_add(s->secrets, s->cathedral_token);
	words_add(s->secrets, s->invite);
	got_free(expect(&s->t, 200, "POST", "/v1/cathedral/heartbeat", s->cathedral_token,
	    "{\"version\": \"1\", \"load\": 5}"));
}

/* The rest of a tenant's life, which mixed_run() leaves out. */
static void
live_on(struct scene *s)
{
	const char *token = s->life.who.token;
	struct got a;

	a = asked(s, 200, "/v1/account/key", token, NULL);
	snprintf(s->key, sizeof(s->key), "%s", got_text(&a, "account"));
	got_free(a);
	got_free(asked(s, 200, "/v1/account/extend", token, NULL));
	a = asked(s, 201, path_of("/v1/flocks/%s/enrolments", s->life.flock), token,
	    "{\"uses\": 9, \"label\": \"a-label-of-keys\"}");
	snprintf(s->enrolment_key, sizeof(s->enrolment_key), "%s", got_text(&a, "enrolment_key"));
	got_free(a);
	words_add(s->names, "a-label-of-keys");
	a = ask(&s->t,
	    &(struct ask){ .method = "POST", .path = "/v1/register", .repeat = REGISTER_KEY });
	assert_int_equal(a.status, 201);
	collect(s, NULL, &a);
	got_free(a);
	words_add(s->secrets, REGISTER_KEY);
	/* A secret in the wrong place, and one that is none. */
	got_free(expect(&s->t, 404, "GET", path_of("/v1/%s", s->key), token, NULL));
	got_free(expect(&s->t, 401, "GET", path_of("/v1/flocks?token=%s", token), NULL, NULL));
}

/* An account that cost work: what was worked on is spent, and nobody else's business. */
static void
register_with_work(struct scene *s)
{
	char nonce[POW_NONCE_MAX], json[256], challenge[POW_CHALLENGE_TEXT];
	unsigned n = 0;
	int64_t expires;
	struct got a;

	s->t.settings.registration = REGISTRATION_POW;
	a = expect(&s->t, 200, "GET", "/v1/register/challenge", NULL, NULL);
	snprintf(challenge, sizeof(challenge), "%s", got_text(&a, "challenge"));
	got_free(a);
	do {
		snprintf(nonce, sizeof(nonce), "a-nonce-of-nobody-else-%u", n++);
	} while (
	    pow_check(s->t.vault, challenge, nonce, test_api_clock().wall_s, &expires) != POW_OK);
	words_add(s->secrets, nonce);
	words_add(s->secrets, challenge + 20); /* behind what is the same in others */
	snprintf(
	    json, sizeof(json), "{\"challenge\": \"%s\", \"nonce\": \"%s\"}", challenge, nonce);
	got_free(asked(s, 201, "/v1/register", NULL, json));
	got_free(expect(&s->t, 403, "POST", "/v1/register", NULL, json));
	s->t.settings.registration = REGISTRATION_OPEN;
}

/* Whatever is as long as a key is one. */
static void
household_collect(struct scene *s, const struct household *h)
{
	for (size_t i = 0; i < h->marks_count; i++) {
		const char *mark = h->marks[i];
		size_t len = strlen(mark);
		bool key = len >= 32 && strspn(mark, "0123456789abcdef") == len;

		words_add(key ? s->secrets : s->names, mark);
	}
}

/* As the route wants it, and again. */
static void
route_twice(struct scene *s, const struct route *r, const struct household *h)
{
	char repeat[64] = "";
	struct errand e;
	struct got a;

	errand_make(&e, r, h, s->cathedral_token);
	strcpy(e.q.fields, FORWARDED);
	if (r->method == METHOD_POST) {
		token_new(repeat, 16, &s->t.random);
		words_add(s->secrets, repeat);
		e.q.ask.repeat = repeat;
	}
	a = ask(&s->t, &e.q.ask);
	if (a.status >= 300)
		fail_msg("%s: %u %s", e.q.path, a.status, a.body);
	collect(s, NULL, &a);
	got_free(a);
	got_free(ask(&s->t, &e.q.ask));
	errand_free(&e);
}

/* A secret where none belongs: in the path's query, in the body, as somebody else's token. */
static void
route_wrong(struct scene *s, const struct route *r, const struct household *h)
{
	char json[256], stranger[33];
	const char *token = r->access == ACCESS_CATHEDRAL ? s->cathedral_token : h->who.token;
	struct route_ask q;
	struct got a;

	trial_ask(&q, r, &h->has, r->access == ACCESS_ANYONE ? NULL : token);
	if (r->body == BODY_UPLOAD)
		strcat(q.fields, "Expect: 100-continue\r\n");
	strcat(q.fields, FORWARDED);
	token_new(stranger, 16, &s->t.random);
	words_add(s->secrets, stranger);
	snprintf(json, sizeof(json), "{\"%s\": \"%s\"}", stranger, h->who.account);
	if (r->body == BODY_JSON) {
		q.ask.json = json;
		a = ask(&s->t, &q.ask);
		assert_in_range(a.status, 400, 499);
		got_free(a);
	}
	if (r->access == ACCESS_ANYONE)
		return;
	q.ask.token = stranger;
	q.ask.path = path_of("%s?token=%s", q.path, h->who.account);
	a = ask(&s->t, &q.ask);
	assert_int_equal(a.status, 401);
	got_free(a);
}

/* Each with a household of its own: some of them end it. */
static void
every_route(struct scene *s)
{
	for (const struct route *r = routes; r->path != NULL; r++) {
		struct household h;

		household_make(&s->t, &h);
		household_collect(s, &h);
		if (r->handle == handle_challenge)
			s->t.settings.registration = REGISTRATION_POW;
		route_wrong(s, r, &h);
		route_twice(s, r, &h);
		s->t.settings.registration = REGISTRATION_OPEN;
	}
}

/* Calls that fail on the way make the service log more than it does otherwise. */
static void
scene_live(struct scene *s)
{
	hand_out(s);
	for (unsigned nth = 5; nth < 65; nth += 20) {
		const struct vfs_failure f = { VFS_WRITE | VFS_SYNC, nth, SQLITE_IOERR, EIO,
			false };

		vfs_fail(s->v, &f);
		mixed_run(&s->m, &s->life);
		assert_true(vfs_failed(s->v) > 0);
		vfs_mend(s->v);
	}
	live_on(s);
	register_with_work(s);
	every_route(s);
	api_upkeep_now(s->t.api);
}

static int
scene_begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	*state = s;
	s->secrets = words_create();
	s->names = words_create();
	s->v = vfs_make("secrets");
	test_api_prepare(&s->t);
	s->t.store_options.vfs = "secrets";
	s->t.server_options.proxy_count = 1;
	endpoint_parse(&s->t.server_options.proxies[0], "127.0.0.1:0");
	test_api_start(&s->t);
	mixed_begin(&s->m, &s->t);
	s->m.answered = collect;
	s->m.arg = s;
	words_add(s->secrets, "a-key-of-one-flock");
	words_add(s->secrets, PERSON);
	words_add(s->secrets, PERSON_BYTES);
	words_add(s->names, "home"); /* labels of mixed_run() */
	words_add(s->names, "desk");
	words_add(s->names, "shelf");

	log_set_level(LOG_LEVEL_DEBUG);
	captured_begin(&s->log);
	s->capturing = true;
	scene_live(s);
	return 0;
}

static int
scene_end(void **state)
{
	struct scene *s = *state;
	char *text;

	if (s->capturing) { /* with why it failed */
		text = captured_text(&s->log);
		captured_end(&s->log);
		fputs(text, stderr);
		free(text);
	}
	mixed_end(&s->m);
	test_api_end(&s->t);
	vfs_end(s->v);
	words_destroy(s->secrets);
	words_destroy(s->names);
	free(s);
	return 0;
}

static void
none_is_in(const struct words *w, const char *where, const void *data, size_t len)
{
	const char *found = words_in(w, data, len);

	if (found != NULL)
		fail_msg("%s is in %s", found, where);
}

static uint8_t *
whole_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	assert_true(fd != -1 && fstat(fd, &st) == 0);
	*len = (size_t)st.st_size;
	data = malloc(*len + 1);
	assert_non_null(data);
	assert_int_equal(read(fd, data, *len), (ssize_t)*len);
	close(fd);
	return data;
}

/* All files of a folder but those in folders of it; how many there are. */
static unsigned
search_folder(const struct scene *s, const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *e;
	unsigned files = 0;

	assert_non_null(folder);
	while ((e = readdir(folder)) != NULL) {
		char file[SCRATCH_PATH_MAX + 300];
		uint8_t *data;
		size_t len;

		if (e->d_type != DT_REG)
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		data = whole_file(file, &len);
		none_is_in(s->secrets, file, data, len);
		free(data);
		files++;
	}
	closedir(folder);
	return files;
}

static void
has_names(const struct scene *s, const char *path)
{
	size_t len;
	uint8_t *data = whole_file(path, &len);

	if (words_count_in(s->names, data, len) < 50)
		fail_msg("%s does not even have the names", path);
	free(data);
}

/* Nor in the pages that were given back: much of it was deleted again. */
static void
is_in_no_file(void **state)
{
	struct scene *s = *state;
	char log[SCRATCH_PATH_MAX + 40], copy[SCRATCH_PATH_MAX + 40];
	struct fault why;

	snprintf(log, sizeof(log), "%s-wal", s->t.db);
	snprintf(copy, sizeof(copy), "%s/backup", s->t.scratch.path);
	if (!store_backup(&s->t.store_options, copy, &why))
		fail_msg("%s", why.text);
	/* Database, its log and its index, the key file, the backup; four bundles. */
	assert_true(search_folder(s, s->t.scratch.path) >= 5);
	assert_true(search_folder(s, s->t.bundles) >= 4);
	search_folder(s, path_of("%s/incoming", s->t.bundles));
	has_names(s, s->t.db);
	has_names(s, log);
	has_names(s, copy);
}

/* It was looked at the right text: each route succeeded at least once. */
static void
has_lines(const char *text)
{
	for (const struct route *r = routes; r->path != NULL; r++) {
		const char *line =
		    path_of("request method=%s route=%s status=2", method_name(r->method), r->path);

		if (strstr(text, line) == NULL)
			fail_msg("not in the log: %s", line);
	}
	assert_non_null(strstr(text, "route=- status=404"));
	assert_non_null(strstr(text, "store: disk I/O error"));
}

static void
is_in_no_log(void **state)
{
	struct scene *s = *state;
	char *text;

	test_api_stop(&s->t); /* the last line comes after its answer */
	text = captured_text(&s->log);
	captured_end(&s->log);
	s->capturing = false;
	log_set_level(LOG_LEVEL_ERROR);
	test_api_start(&s->t);

	printf("# %zu secrets, %zu names, %zu bytes of log\n", words_count(s->secrets),
	    words_count(s->names), strlen(text));
	assert_true(words_count(s->secrets) > 300 && words_count(s->names) > 300);
	none_is_in(s->secrets, "the log", text, strlen(text));
	none_is_in(s->names, "the log", text, strlen(text));
	assert_null(strstr(text, "127.0.0."));
	has_lines(text);
	free(text);
}

/* The database's copy in a place of its own, with a key file of its own. */
static void
steal(const struct scene *s, struct test_api *t)
{
	struct fault why;

	test_api_prepare(t);
	if (!store_backup(&s->t.store_options, t->db, &why))
		fail_msg("%s", why.text);
	test_api_start(t);
}

static void
another_key_file_is_refused(void **state)
{
	struct scene *s = *state;
	struct test_api stolen;
	struct session *session;
	struct fault why = { "" };

	session = session_open_writer(s->t.store, &why);
	assert_non_null(session);
	assert_true(office_match_vault(session, s->t.vault, "key", "the database", &why));
	session_close(session);

	steal(s, &stolen);
	session = session_open_writer(stolen.store, &why);
	assert_non_null(session);
	assert_false(office_match_vault(session, stolen.vault, "key", "the database", &why));
	assert_non_null(strstr(why.text, "not the key file that the database was made with"));
	session_close(session);
	test_api_end(&stolen);
}

/* How many of the secrets do what they were given out for. */
static unsigned
count_good(const struct scene *s, const struct test_api *t)
{
	unsigned good = 0;

	for (size_t i = 0; i < words_count(s->secrets); i++) {
		const char *word = words_at(s->secrets, i);
		struct ask a = { .method = "GET", .path = "/v1/account", .token = word };
		struct got got;

		if (strlen(word) == 64)
			a = (struct ask){
				.method = "POST", .path = "/v1/login", .body = word, .body_len = 64
			};
		got = ask(t, &a);
		good += got.status == 200;
		if (got.status != 200)
			assert_int_equal(got.status, 401);
		got_free(got);
	}
	return good;
}

static unsigned
status_of(const struct test_api *t, const char *path, const char *token, const char *json)
{
	struct got a =
	    ask(t, &(struct ask){ .method = "POST", .path = path, .token = token, .json = json });

	got_free(a);
	return a.status;
}

static bool
enrols(const struct scene *s, const struct test_api *t)
{
	char json[160];

	snprintf(json, sizeof(json), "{\"cosk\": \"%064d\", \"enrolment_key\": \"%s\"}", 2,
	    s->enrolment_key);
	return status_of(t, path_of("/v1/flocks/%s/devices", s->life.flock), NULL, json) == 201;
}

/* Sealed columns that open under the key of t, and all of them. */
static void
count_sealed(const struct test_api *t, unsigned *open, unsigned *all)
{
	static const char sql[] = "SELECT flock, id, sealed FROM devices UNION ALL"
				  " SELECT flock, id, sealed FROM joins";
	struct cathedral_secret secret;
	sqlite3_stmt *row;
	sqlite3 *db;

	*open = *all = 0;
	assert_int_equal(sqlite3_open_v2(t->db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	while (sqlite3_step(row) == SQLITE_ROW) {
		struct flock_id flock = { (uint64_t)sqlite3_column_int64(row, 0) };
		struct device_id device = { (uint32_t)sqlite3_column_int64(row, 1) };

		assert_int_equal(sqlite3_column_bytes(row, 2), DEVICE_SEALED);
		(*all)++;
		*open +=
		    device_unseal(t->vault, flock, device, sqlite3_column_blob(row, 2), &secret);
	}
	sqlite3_finalize(row);
	sqlite3_close(db);
}

/* First answers hold account keys and tokens. */
static unsigned
count_answers(const struct test_api *t)
{
	static const char sql[] = "SELECT hash, sealed FROM repeats";
	unsigned open = 0, all = 0;
	sqlite3_stmt *row;
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(t->db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
	for (; sqlite3_step(row) == SQLITE_ROW; all++) {
		char place[16 + 2 * STORE_HASH] = "repeats/";
		size_t len = (size_t)sqlite3_column_bytes(row, 1);
		uint8_t *plain = malloc(len);

		hex_encode(place + strlen(place), sqlite3_column_blob(row, 0), STORE_HASH);
		open += vault_open_sealed(t->vault, place, sqlite3_column_blob(row, 1), len, plain);
		free(plain);
	}
	assert_true(all >= 2);
	sqlite3_finalize(row);
	sqlite3_close(db);
	return open;
}

/* Somebody made the service believe that the key file is the right one. */
static void
a_copy_without_the_key_file_is_useless(void **state)
{
	static const char beat[] = "{\"version\": \"1\", \"load\": 5}";
	struct scene *s = *state;
	struct test_api stolen;
	unsigned open, all;
	char json[80];
	struct got a;

	/* At home all of it is good. */
	assert_true(count_good(s, &s->t) > 100);
	assert_true(enrols(s, &s->t));
	assert_int_equal(
	    status_of(&s->t, "/v1/cathedral/heartbeat", s->cathedral_token, beat), 200);
	count_sealed(&s->t, &open, &all);
	assert_true(all >= 7 && open == all);
	assert_true(count_answers(&s->t) >= 2);
	snprintf(json, sizeof(json), "{\"invite\": \"%s\"}", s->invite);
	s->t.settings.registration = REGISTRATION_INVITE;
	assert_int_equal(status_of(&s->t, "/v1/register", NULL, json), 201);
	s->t.settings.registration = REGISTRATION_OPEN;

	steal(s, &stolen);
	assert_int_equal(count_good(s, &stolen), 0);
	assert_false(enrols(s, &stolen));
	assert_int_equal(
	    status_of(&stolen, "/v1/cathedral/heartbeat", s->cathedral_token, beat), 401);
	count_sealed(&stolen, &open, &all);
	assert_true(all >= 7 && open == 0);
	assert_int_equal(count_answers(&stolen), 0);
	a = ask(&stolen,
	    &(struct ask){ .method = "POST", .path = "/v1/register", .repeat = REGISTER_KEY });
	assert_int_equal(a.status, 201);
	assert_null(got_field(&a, "Idempotency-Replayed"));
	got_free(a);
	stolen.settings.registration = REGISTRATION_INVITE;
	assert_int_equal(status_of(&stolen, "/v1/register", NULL, json), 403);
	test_api_end(&stolen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_in_no_file),
		cmocka_unit_test(is_in_no_log),
		cmocka_unit_test(another_key_file_is_refused),
		cmocka_unit_test(a_copy_without_the_key_file_is_useless),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("api_secrets", tests, scene_begin, scene_end);
}
