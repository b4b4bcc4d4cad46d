/* SPDX-License-Identifier: ISC */
/* What statements of several files have in common. */
#ifndef RELIQUARY_API_STORE_PARTS_H
#define RELIQUARY_API_STORE_PARTS_H

#include "database/session.h"
#include "database/sql.h"
#include "reliquary-api/store/devices.h"
#include "reliquary-api/store/flocks.h"

/* "RLQY" in the file's header: the database is ours.  Its schema is in store/schema.c. */
#define STORE_APPLICATION 0x524c5159

extern const struct schema store_schema;

struct store {
	struct database database; /* first: sessions know it */
	unsigned token_unused_days;
};

static inline const struct store *
store_of(const struct session *s)
{
	return (const struct store *)s->database;
}

/* Which database is meant; false when the path is too long. */
bool store_database(struct database *ret, const struct store_options *o, struct fault *why);

/*
 * The flock ?2 when it is account ?1's; otherwise NULL, and NULL is looked up nowhere.  So who asks
 * for what is not theirs learns nothing, neither from the answer nor from how long it took.
 */
#define OWNED_FLOCK "(SELECT id FROM flocks WHERE account = ?1 AND id = ?2)"

/*
 * The lowest KEK number that no device of flock ?2 has, NULL when all are taken: 1, or the next
 * after one that has no next.  Put it into a subquery with a LIMIT, or it is worked out for each
 * use of its result.
 */
#define LOWEST_FREE_KEK                                                                            \
	"CASE WHEN NOT EXISTS (SELECT 1 FROM devices WHERE flock = ?2 AND kek = 1) THEN 1"         \
	" ELSE (SELECT d.kek + 1 FROM devices d WHERE d.flock = ?2 AND d.kek < 255"                \
	" AND NOT EXISTS (SELECT 1 FROM devices e WHERE e.flock = ?2 AND e.kek = d.kek + 1)"       \
	" ORDER BY d.kek LIMIT 1) END"

/* A bundle as columns of b, and back, from column n on; false when there is none. */
#define BUNDLE_COLUMNS                                                                             \
	"b.flock_a, b.flock_b, b.generation, b.expires, b.uploaded, b.size, b.hash, b.file"

bool column_bundle(struct query *q, int n, struct bundle_row *ret);

/* A device as the columns kek, id, label, bw_limit, created. */
bool column_device(struct query *q, struct device_row *ret);

/* Binds a number that is not negative; those that are too large are as large as can be. */
static inline void
query_count(struct query *q, uint64_t n)
{
	query_int(q, n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

/* Binds a pair of flocks as bundles and changes have it: the lower number first. */
void query_pair(struct query *q, struct flock_id a, struct flock_id b);

/* For ever: forgotten one day.  Flocks that are merely not served at present are not gone. */
enum change_kind { CHANGE_MADE = 0, CHANGE_GONE };

/*
 * Notes that cathedrals must hear of (a, b), either way round: a flock when equal, the cathedrals
 * when zero.  Numbers only grow, and are seen by nobody before those below them are.
 */
enum store_result change_note(
    struct session *s, struct flock_id a, struct flock_id b, enum change_kind kind, int64_t now);

/* Notes a flock whose devices are other ones now, and with it every established xflock of it. */
enum store_result change_note_flock(
    struct session *s, struct flock_id flock, enum change_kind kind, int64_t now);

/* Notes every flock of an account, and every established xflock that one of them is in. */
enum store_result change_note_account(
    struct session *s, int64_t account, enum change_kind kind, int64_t now);

#endif
