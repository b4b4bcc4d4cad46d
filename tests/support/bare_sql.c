/* SPDX-License-Identifier: ISC */
#include "tests/support/bare_sql.h"

#include "tests/support/children.h"

#include <errno.h>
#include <stdio.h>

enum { BEGIN, COMMIT, JOIN, DEVICE, UNJOIN, NUMBER, CHANGE, EVENT };

static const char *const texts[BARE_STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[JOIN] = "INSERT INTO joins (flock, id, cosk, sealed, label, created)"
		 " VALUES (?1, ?2, zeroblob(32), zeroblob(72), '', 1790000000)",
	[DEVICE] = "INSERT INTO devices"
		   " (flock, id, kek, cosk, sealed, label, bw_limit, created, approved)"
		   " SELECT flock, id, ?3, cosk, sealed, label, 25, created, 1790000000"
		   " FROM joins WHERE flock = ?1 AND id = ?2",
	[UNJOIN] = "DELETE FROM joins WHERE flock = ?1 AND id = ?2",
	[NUMBER] = "UPDATE counters SET value = value + 1 WHERE name = 'changes'",
	[CHANGE] = "INSERT INTO changes (flock_a, flock_b, number, at, gone)"
		   " VALUES (?1, ?1, (SELECT value FROM counters WHERE name = 'changes'),"
		   " 1790000000, 0) ON CONFLICT (flock_a, flock_b)"
		   " DO UPDATE SET number = excluded.number, at = excluded.at,"
		   " gone = excluded.gone",
	[EVENT] = "INSERT INTO events (account, number, at, token, action, subject) VALUES (?1,"
		  " coalesce((SELECT max(number) FROM events WHERE account = ?1), 0) + 1,"
		  " 1790000000, '0000000000000001', 'device.approve',"
		  " '0123456789abcd00/01234567')",
};

static void
give_up(struct bare_sql *b)
{
	fprintf(stderr, "the engine alone: %s\n", sqlite3_errmsg(b->db));
	errno = EIO;
	bench_give_up("the engine alone");
}

void
bare_sql_open(struct bare_sql *b, const char *path)
{
	/* As in store/session.c. */
	static const char settings[] =
	    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;"
	    "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
	    "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -2048; PRAGMA foreign_keys = ON;";

	if (sqlite3_open_v2(path, &b->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK ||
	    sqlite3_exec(b->db, settings, NULL, NULL, NULL) != SQLITE_OK)
		give_up(b);
	for (size_t i = 0; i < BARE_STATEMENTS; i++) {
		if (sqlite3_prepare_v3(b->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
			&b->statements[i], NULL) != SQLITE_OK)
			give_up(b);
	}
}

void
bare_sql_close(struct bare_sql *b)
{
	for (size_t i = 0; i < BARE_STATEMENTS; i++)
		sqlite3_finalize(b->statements[i]);
	sqlite3_close(b->db);
}

static void
run(struct bare_sql *b, int which)
{
	sqlite3_stmt *s = b->statements[which];

	if (sqlite3_step(s) != SQLITE_DONE || sqlite3_reset(s) != SQLITE_OK)
		give_up(b);
}

void
bare_sql_begin(struct bare_sql *b)
{
	run(b, BEGIN);
}

void
bare_sql_commit(struct bare_sql *b)
{
	run(b, COMMIT);
}

void
bare_sql_checkpoint(struct bare_sql *b)
{
	if (sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) !=
	    SQLITE_OK)
		give_up(b);
}

static void
bind_place(struct bare_sql *b, int which, const struct bare_write *w)
{
	sqlite3_bind_int64(b->statements[which], 1, (int64_t)w->flock.value);
	sqlite3_bind_int64(b->statements[which], 2, w->id.value);
}

void
bare_sql_join(struct bare_sql *b, const struct bare_write *w)
{
	bind_place(b, JOIN, w);
	run(b, JOIN);
}

void
bare_sql_approve(struct bare_sql *b, const struct bare_write *w)
{
	bind_place(b, DEVICE, w);
	sqlite3_bind_int(b->statements[DEVICE], 3, w->kek);
	run(b, DEVICE);
	bind_place(b, UNJOIN, w);
	run(b, UNJOIN);
	run(b, NUMBER);
	sqlite3_bind_int64(b->statements[CHANGE], 1, (int64_t)w->flock.value);
	run(b, CHANGE);
	sqlite3_bind_int64(b->statements[EVENT], 1, w->owner.value);
	run(b, EVENT);
}
