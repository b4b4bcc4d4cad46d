/* SPDX-License-Identifier: ISC */
#include "tests/support/store.h"

#include <setjmp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void
test_store_open(struct test_store *t)
{
	struct fault why = { "" };

	t->store = store_open(&t->options, &t->random, &why);
	if (t->store == NULL)
		fail_msg("%s", why.text);
	t->writer = session_open_writer(t->store, &why);
	t->reader = session_open_reader(t->store, &why);
	if (t->writer == NULL || t->reader == NULL)
		fail_msg("%s", why.text);
}

void
test_store_close(struct test_store *t)
{
	session_close(t->reader);
	session_close(t->writer);
	store_close(t->store);
	t->reader = t->writer = NULL;
	t->store = NULL;
}

void
test_store_begin(struct test_store *t, const char *vfs)
{
	memset(t, 0, sizeof(*t));
	t->scratch = scratch_make();
	t->path = scratch_name(&t->scratch, "reliquary.db");
	t->options = (struct store_options){
		.path = t->path.path, .vfs = vfs, .cache_kib = 1024, .busy_ms = 2000
	};
	random_from_seed(&t->random, 1);
	test_store_open(t);
}

void
test_store_end(struct test_store *t)
{
	test_store_close(t);
	scratch_remove(&t->scratch);
}

void
test_store_again(struct test_store *t)
{
	test_store_close(t);
	test_store_open(t);
}

struct hash32
test_hash(const char *text)
{
	struct hash32 h;

	crypto_generichash(h.bytes, sizeof(h.bytes), (const uint8_t *)text, strlen(text), NULL, 0);
	return h;
}

struct account_id
test_account(struct session *s, const char *share_id)
{
	struct account_new a = {
		.key_hash = test_hash(share_id),
		.now = STORE_NOW,
		.expires = STORE_NOW + 86400,
		.max_flocks = 3,
		.bw_limit = 25,
		.registration = "open",
	};
	struct account_id id = { 0 };

	snprintf(a.share_id, sizeof(a.share_id), "%s", share_id);
	assert_int_equal(account_create(s, &a, &id), STORE_OK);
	return id;
}

struct flock_id
test_flock(struct session *s, struct account_id account, uint64_t id)
{
	struct flock_id flock = { id };

	assert_int_equal(flock_create(s, account, flock, "", STORE_NOW), STORE_OK);
	return flock;
}

static int
add_row(void *file, int n, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < n; i++)
		fprintf(file, "%s%s", i > 0 ? "|" : "", values[i] == NULL ? "" : values[i]);
	fputc('\n', file);
	return 0;
}

char *
test_sql(const struct test_store *t, const char *sql)
{
	char *text = NULL, *error = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	sqlite3 *db = NULL;

	if (file == NULL || sqlite3_open(t->path.path, &db) != SQLITE_OK)
		fail_msg("%s: cannot be opened", t->path.path);
	sqlite3_busy_timeout(db, 2000);
	if (sqlite3_exec(db, sql, add_row, file, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
	sqlite3_close(db);
	fclose(file);
	return text;
}
