/* SPDX-License-Identifier: ISC */
/* What must be true of every database, whoever wrote it last. */
#include "reliquary-api/store/parts.h"

#include <string.h>

/* A statement finds what breaks the rule: a row is one too many. */
static const struct rule {
	const char *broken;
	const char *sql;
} rules[] = {
	{ "the database has no name of its own",
	    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM facts WHERE name = 'id')" },
	{ "a flock's id has a domain", "SELECT 1 FROM flocks WHERE (id & 255) <> 0 LIMIT 1" },
	{ "a device is approved and pending at once",
	    "SELECT 1 FROM joins j JOIN devices d ON d.flock = j.flock AND d.id = j.id LIMIT 1" },
	{ "a bundle lies between flocks that have not agreed",
	    "SELECT 1 FROM bundles b WHERE b.flock_a <> b.flock_b AND ("
	    " NOT EXISTS (SELECT 1 FROM xflocks WHERE flock = b.flock_a AND other = b.flock_b) OR"
	    " NOT EXISTS (SELECT 1 FROM xflocks WHERE flock = b.flock_b AND other = b.flock_a))"
	    " LIMIT 1" },
	{ "a bundle's file is to be removed",
	    "SELECT 1 FROM bundles b JOIN leftovers l ON l.file = b.file LIMIT 1" },
	{ "the changes are not numbered up to their counter",
	    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = 'changes'"
	    " AND value >= (SELECT coalesce(max(number), 0) FROM changes))" },
	{ "a change names its flocks the wrong way round",
	    "SELECT 1 FROM changes WHERE flock_a > flock_b LIMIT 1" },
	{ "an account's flocks are miscounted",
	    "SELECT 1 FROM accounts a"
	    " WHERE flocks <> (SELECT count(*) FROM flocks f WHERE f.account = a.id) LIMIT 1" },
	{ "an account's quota is below zero",
	    "SELECT 1 FROM accounts WHERE max_flocks < 0 OR bw_limit < 0 LIMIT 1" },
};

/* The engine's own look at every page, index and constraint of a row. */
static bool
engine_content(struct session *s, struct fault *why)
{
	static const char integrity[] = "PRAGMA integrity_check(1)";
	static const char foreign[] = "PRAGMA foreign_key_check";
	struct query q = query_begin(s, integrity);
	char text[256] = "";
	bool found;

	/* A text that is longer is still one that is not "ok". */
	found = query_row(&q) && column_text(&q, 0, text, sizeof(text));
	query_end(&q, found);
	if (!found)
		return fault_set(why, "the database cannot be read to its end");
	if (strcmp(text, "ok") != 0)
		return fault_set(why, "the database is damaged: %s", text);

	q = query_begin(s, foreign);
	found = query_row(&q) && column_text(&q, 0, text, sizeof(text));
	switch (query_end(&q, found)) {
	case STORE_NONE:
		return true;
	case STORE_OK:
		return fault_set(
		    why, "the table \"%s\" has a row without what it belongs to", text);
	default:
		return fault_set(why, "the database cannot be read to its end");
	}
}

static bool
version_fits(struct session *s, struct fault *why)
{
	static const char sql[] = "PRAGMA user_version";
	unsigned want = schema_last(&store_schema);
	struct query q = query_begin(s, sql);
	int64_t have = query_row(&q) ? column_int(&q, 0) : -1;

	query_end(&q, true);
	return have == (int64_t)want ||
	       fault_set(why, "the schema has version %lld, not %u", (long long)have, want);
}

static bool
rule_holds(struct session *s, const struct rule *rule, struct fault *why)
{
	struct query q = query_begin(s, rule->sql);
	bool broken = query_row(&q);

	switch (query_end(&q, broken)) {
	case STORE_NONE:
		return true;
	case STORE_OK:
		return fault_set(why, "%s", rule->broken);
	default:
		return fault_set(why, "the rules cannot be checked");
	}
}

bool
store_check(struct session *s, struct fault *why)
{
	bool ok;

	if (session_read_begin(s) != STORE_OK)
		return fault_set(why, "the database cannot be read");
	ok = engine_content(s, why) && version_fits(s, why);
	for (size_t i = 0; ok && i < sizeof(rules) / sizeof(rules[0]); i++)
		ok = rule_holds(s, &rules[i], why);
	session_read_end(s);
	return ok;
}
