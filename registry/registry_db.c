/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "protocol/crypto/secret.h"
#include "registry/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_BYTES  16
#define BUSY_MS   5000
#define CACHE_KIB 4096

bool
registry_db_key_default(char *key, size_t size, const char *path)
{
	static const char suffix[] = ".key";
	size_t len = strlen(path);

	if (len + sizeof(suffix) > size)
		return false;
	memcpy(key, path, len);
	memcpy(key + len, suffix, sizeof(suffix));
	return true;
}

/* ---- facts and counters ---- */

enum store_result
registry_fact_get(struct session *s, const char *name, char out[static FACT_TEXT])
{
	static const char sql[] = "SELECT value FROM facts WHERE name = ?";
	struct query q = query_begin(s, sql);

	out[0] = '\0';
	query_text(&q, name);
	if (query_row(&q))
		column_text(&q, 0, out, FACT_TEXT);
	return query_end(&q, true);
}

enum store_result
registry_fact_set(struct session *s, const char *name, const char *value)
{
	static const char sql[] = "INSERT INTO facts (name, value) VALUES (?, ?)"
				  " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
				  " WHERE value <> excluded.value";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_text(&q, name);
	query_text(&q, value);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

enum store_result
registry_counter_get(struct session *s, const char *name, uint64_t *ret)
{
	static const char sql[] = "SELECT value FROM counters WHERE name = ?";
	struct query q = query_begin(s, sql);
	bool found;

	query_text(&q, name);
	found = query_row(&q);
	*ret = (uint64_t)column_int(&q, 0);
	return query_end(&q, found);
}

enum store_result
registry_counter_set(struct session *s, const char *name, uint64_t value)
{
	static const char sql[] = "UPDATE counters SET value = ?2 WHERE name = ?1 AND value <> ?2";
	struct query q = query_begin(s, sql);
	enum store_result result;

	query_text(&q, name);
	query_int(&q, (int64_t)value);
	result = query_run(&q);
	return result == STORE_NONE ? STORE_OK : result;
}

/* ---- opening ---- */

static bool
is_missing(const char *path)
{
	return access(path, F_OK) == -1 && errno == ENOENT;
}

/* A new key would open nothing of a file that is there. */
static bool
key_make(struct registry_db *db, struct fault *why)
{
	if (!is_missing(db->key))
		return true;
	if (!is_missing(db->database.path))
		return fault_set(why,
		    "%s: there is no such key file, without which %s cannot be read; when it is "
		    "lost, remove that, and all of it comes again",
		    db->key, db->database.path);
	return vault_create(db->key, &db->random, why);
}

/* The reader makes nothing. */
static bool
is_ready(const struct registry_db *db, struct fault *why)
{
	const char *path = db->database.path;
	struct schema_version v;

	if (is_missing(path))
		return fault_set(why, "%s: %s", path, strerror(ENOENT));
	if (!schema_version(&db->database, &registry_schema, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(why, "%s: nothing was ever written to it", path);
	if (v.have < v.want)
		return fault_set(why,
		    "%s: version %u of the database, this program wants %u: who writes it is older",
		    path, v.have, v.want);
	return true;
}

/* A new file gets a name and goes with the key from then on, both or neither. */
static enum store_result
name_if_new(struct registry_db *db, const char *vault)
{
	char known[FACT_TEXT], id[2 * ID_BYTES + 1];
	uint8_t bytes[ID_BYTES];
	enum store_result result = whole_begin(db->session);

	if (result != STORE_OK)
		return result;
	result = registry_fact_get(db->session, "vault", known);
	if (result == STORE_OK && known[0] == '\0') {
		random_bytes(&db->random, bytes, sizeof(bytes));
		result = registry_fact_set(db->session, "id", hex_encode(id, bytes, sizeof(bytes)));
		if (result == STORE_OK)
			result = registry_fact_set(db->session, "vault", vault);
	}
	return whole_end(db->session, result);
}

static bool
key_matches(struct registry_db *db, struct fault *why)
{
	uint8_t fingerprint[VAULT_FINGERPRINT];
	char is[2 * VAULT_FINGERPRINT + 1], want[FACT_TEXT];
	enum store_result result = STORE_OK;

	vault_fingerprint(db->vault, fingerprint);
	hex_encode(is, fingerprint, sizeof(fingerprint));
	if (db->writes)
		result = name_if_new(db, is);
	if (result == STORE_OK)
		result = registry_fact_get(db->session, "vault", want);
	if (result != STORE_OK)
		return session_fault(db->session, result, why);
	if (want[0] == '\0') /* it is being made */
		return fault_set(why, "%s: nothing was ever written to it", db->database.path);
	return strcmp(is, want) == 0 ||
	       fault_set(why, "%s: does not go with the key file %s", db->database.path, db->key);
}

static void
disconnect(struct registry_db *db)
{
	session_close(db->session);
	vault_close(db->vault);
	db->session = NULL;
	db->vault = NULL;
}

static bool
connect_to_file(struct registry_db *db, struct fault *why)
{
	if (db->writes) {
		if (!key_make(db, why) || !schema_apply(&db->database, &registry_schema, why))
			return false;
	} else if (!is_ready(db, why)) {
		return false;
	}
	db->vault = vault_open(db->key, why);
	if (db->vault != NULL)
		db->session =
		    session_open(&db->database, db->writes ? SESSION_WRITER : SESSION_READER, why);
	if (db->session != NULL && key_matches(db, why))
		return true;
	disconnect(db);
	return false;
}

bool
registry_connect(struct registry_db *db, struct fault *why)
{
	if (db->session != NULL && !session_moved(db->session))
		return true;
	disconnect(db);
	return connect_to_file(db, why);
}

static bool
options_take(struct registry_db *db, const struct registry_db_options *o, struct fault *why)
{
	int len = snprintf(db->key, sizeof(db->key), "%s", o->key);

	db->database.what = "registry";
	db->database.cache_kib = CACHE_KIB;
	db->database.busy_ms = o->busy_ms > 0 ? o->busy_ms : BUSY_MS;
	if (len >= (int)sizeof(db->key))
		return fault_set(why, "the key file's path is too long");
	return database_name(&db->database, o->path, NULL, why);
}

/* random: the writer's, NULL for who reads. */
static struct registry_db *
open_as(const struct registry_db_options *o, struct random *random, struct fault *why)
{
	struct registry_db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		fault_set(why, "out of memory");
		return NULL;
	}
	db->writes = random != NULL;
	if (random != NULL)
		random_split(&db->random, random);
	db->scratch = secret_alloc(sizeof(*db->scratch));
	if (db->scratch == NULL)
		fault_set(why, "out of memory");
	else if (options_take(db, o, why) && connect_to_file(db, why))
		return db;
	registry_db_close(db);
	return NULL;
}

struct registry_db *
registry_db_create(const struct registry_db_options *o, struct random *random, struct fault *why)
{
	return open_as(o, random, why);
}

struct registry_db *
registry_db_open(const struct registry_db_options *o, struct fault *why)
{
	return open_as(o, NULL, why);
}

void
registry_db_close(struct registry_db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	secret_free(db->scratch, sizeof(*db->scratch));
	secret_wipe(&db->random, sizeof(db->random));
	free(db);
}

/* ---- what is known of it ---- */

static enum store_result
counts_get(struct session *s, struct registry_db_state *ret)
{
	static const char sql[] = "SELECT (SELECT count(*) FROM flocks),"
				  " (SELECT count(*) FROM devices),"
				  " (SELECT count(*) FROM xflocks),"
				  " (SELECT count(*) FROM cathedrals)";
	struct query q = query_begin(s, sql);
	bool found = query_row(&q);

	ret->flocks = (uint64_t)column_int(&q, 0);
	ret->devices = (uint64_t)column_int(&q, 1);
	ret->xflocks = (uint64_t)column_int(&q, 2);
	ret->cathedrals = (uint64_t)column_int(&q, 3);
	return query_end(&q, found);
}

static enum store_result
state_get(struct session *s, struct registry_db_state *ret)
{
	enum store_result result = registry_fact_get(s, "database", ret->database);
	uint64_t sweeping = 0;

	if (result == STORE_OK)
		result = registry_counter_get(s, "until", &ret->until);
	if (result == STORE_OK)
		result = registry_counter_get(s, "version", &ret->version);
	if (result == STORE_OK)
		result = registry_counter_get(s, "sweeping", &sweeping);
	ret->sweeping = sweeping != 0;
	return result == STORE_OK ? counts_get(s, ret) : result;
}

bool
registry_db_state(struct registry_db *db, struct registry_db_state *ret, struct fault *why)
{
	enum store_result result;

	memset(ret, 0, sizeof(*ret));
	if (!registry_connect(db, why))
		return false;
	result = session_read_begin(db->session);
	if (result == STORE_OK)
		result = state_get(db->session, ret);
	session_read_end(db->session);
	return result == STORE_OK || session_fault(db->session, result, why);
}

bool
registry_db_changed(struct registry_db *db, uint64_t version)
{
	char id[FACT_TEXT];
	uint64_t now;

	if (db->session == NULL || session_moved(db->session))
		return true;
	if (registry_counter_get(db->session, "version", &now) != STORE_OK || now != version)
		return true;
	return registry_fact_get(db->session, "id", id) != STORE_OK ||
	       (db->read_id[0] != '\0' && strcmp(id, db->read_id) != 0);
}
