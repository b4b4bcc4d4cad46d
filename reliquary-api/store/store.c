/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "base/random.h"
#include "reliquary-api/store/copy.h"
#include "reliquary-api/store/migrate.h"
#include "reliquary-api/store/session.h"
#include "reliquary-api/store/sql.h"

#include <stdlib.h>
#include <string.h>

#define ID_BYTES 16

bool
store_version(const struct store_options *o, struct store_version *ret, struct fault *why)
{
	return migrations_version(o, schema_migrations, ret, why);
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

/* The database's own name, drawn once in its life. */
static bool
store_name(struct store *s, struct random *random, struct fault *why)
{
	struct session *session = session_open_writer(s, why);
	char id[STORE_LABEL], fresh[2 * ID_BYTES + 1];
	uint8_t bytes[ID_BYTES];
	enum store_result result;

	if (session == NULL)
		return false;
	result = fact_get(session, "id", id);
	if (result == STORE_NONE) {
		random_bytes(random, bytes, sizeof(bytes));
		result = fact_set(session, "id", hex_encode(fresh, bytes, sizeof(bytes)));
	}
	if (result != STORE_OK && result != STORE_CONFLICT)
		connection_fault(why, session->db, s->path);
	session_close(session);
	return result == STORE_OK || result == STORE_CONFLICT;
}

struct store *
store_open(const struct store_options *o, struct random *random, struct fault *why)
{
	struct store *s;

	if (!migrations_apply(o, schema_migrations, why))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		connection_fault(why, NULL, o->path);
		return NULL;
	}
	if (store_fill(s, o, why) && store_name(s, random, why))
		return s;
	free(s);
	return NULL;
}

void
store_close(struct store *s)
{
	free(s);
}
