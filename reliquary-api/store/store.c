/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "base/random.h"
#include "reliquary-api/store/parts.h"

#include <stdlib.h>

#define ID_BYTES 16

#define TOKEN_UNUSED_DAYS 30

bool
store_database(struct database *ret, const struct store_options *o, struct fault *why)
{
	ret->what = "store";
	ret->cache_kib = o->cache_kib;
	ret->busy_ms = o->busy_ms;
	return database_name(ret, o->path, o->vfs, why);
}

bool
store_version(const struct store_options *o, struct schema_version *ret, struct fault *why)
{
	struct database d;

	return store_database(&d, o, why) && schema_version(&d, &store_schema, ret, why);
}

struct session *
session_open_reader(struct store *s, struct fault *why)
{
	return session_open(&s->database, SESSION_READER, why);
}

struct session *
session_open_writer(struct store *s, struct fault *why)
{
	return session_open(&s->database, SESSION_WRITER, why);
}

enum store_result
fact_get(struct session *s, const char *name, char out[static STORE_LABEL])
{
	static const char sql[] = "SELECT value FROM facts WHERE name = ?";
	struct query q = query_begin(s, sql);
	bool found;

	query_text(&q, name);
	found = query_row(&q) && column_text(&q, 0, out, STORE_LABEL);
	return query_end(&q, found);
}

enum store_result
fact_set(struct session *s, const char *name, const char *value)
{
	static const char sql[] = "INSERT INTO facts (name, value) VALUES (?, ?)"
				  " ON CONFLICT (name) DO NOTHING";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_text(&q, name);
	query_text(&q, value);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_CONFLICT : result;
}

/* Text of ID_BYTES random ones. */
static char *
id_draw(struct random *random, char out[static 2 * ID_BYTES + 1])
{
	uint8_t bytes[ID_BYTES];

	random_bytes(random, bytes, sizeof(bytes));
	return hex_encode(out, bytes, sizeof(bytes));
}

enum store_result
store_rename(struct session *s, struct random *random)
{
	static const char sql[] = "UPDATE facts SET value = ? WHERE name = 'id'";
	struct query q = query_begin(s, sql);
	char id[2 * ID_BYTES + 1];

	query_text(&q, id_draw(random, id));
	return query_run(&q);
}

/* The database's own name, drawn once in its life. */
static bool
store_name(struct store *s, struct random *random, struct fault *why)
{
	struct session *session = session_open_writer(s, why);
	char id[STORE_LABEL], fresh[2 * ID_BYTES + 1];
	enum store_result result;

	if (session == NULL)
		return false;
	result = fact_get(session, "id", id);
	if (result == STORE_NONE)
		result = fact_set(session, "id", id_draw(random, fresh));
	if (result != STORE_OK && result != STORE_CONFLICT)
		connection_fault(why, session->db, s->database.path);
	session_close(session);
	return result == STORE_OK || result == STORE_CONFLICT;
}

struct store *
store_open(const struct store_options *o, struct random *random, struct fault *why)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		connection_fault(why, NULL, o->path);
		return NULL;
	}
	s->token_unused_days = o->token_unused_days > 0 ? o->token_unused_days : TOKEN_UNUSED_DAYS;
	if (store_database(&s->database, o, why) &&
	    schema_apply(&s->database, &store_schema, why) && store_name(s, random, why))
		return s;
	free(s);
	return NULL;
}

void
store_close(struct store *s)
{
	free(s);
}
