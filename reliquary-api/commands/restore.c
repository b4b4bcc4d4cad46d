/* SPDX-License-Identifier: ISC */
#include "base/file.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/copies.h"
#include "reliquary-api/commands/ground.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/http/upload.h"
#include "reliquary-api/store/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEY_SIZE 32

struct restoring {
	struct office *office;
	const char *file;
	char bundles[CONF_TEXT_MAX], key[CONF_TEXT_MAX]; /* of the backup */
	char fresh[CONF_TEXT_MAX];                       /* the copy that takes the place */
	char aside[CONF_TEXT_MAX]; /* the database that was there; "" without */
	struct copies_count count;
};

static bool
exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A service needs its key file; without one here, the backup's is taken. */
static bool
find_key(struct restoring *r, struct fault *why)
{
	struct office *o = r->office;
	uint8_t key[KEY_SIZE];
	bool ok;

	if (!exists(o->key)) {
		if (!exists(r->key))
			return fault_set(why,
			    "%s: the key file is not there, nor %s: put back the one that the "
			    "backup "
			    "was made with; without it the backup is of no use",
			    o->key, r->key);
		ok = file_read_exact(key, sizeof(key), r->key, why) &&
		     file_create(o->key, 0400, key, sizeof(key), why);
		secret_wipe(key, sizeof(key));
		if (!ok)
			return false;
	}
	o->vault = vault_open(o->key, why);
	return o->vault != NULL;
}

/* Whoever knows its changes, or those that came after it was copied, begins anew. */
static enum store_result
part_with_the_past(struct session *s, void *arg)
{
	struct office *o = arg;
	enum store_result result = change_leap(s);

	return result == STORE_OK ? store_rename(s, &o->random) : result;
}

/* The copy is sound, goes with our key, and its bundles are there. */
static bool
check_fresh(struct restoring *r, struct session *session, struct fault *why)
{
	struct office *o = r->office;
	const char *from = exists(r->bundles) ? r->bundles : o->bundles;

	if (!store_check(session, why))
		return fault_prefix(why, "%s", r->file);
	if (!office_match_vault(session, o->vault, o->key, r->file, why) ||
	    !copies_put_bundles(session, from, o->bundles, &r->count, why))
		return false;
	if (r->count.missing == 0)
		return office_result(
		    store_atomically(session, part_with_the_past, o), "database", r->file, why);
	return fault_set(why, "%s: %" PRIu64 " bundle%s of the backup %s not there", r->bundles,
	    r->count.missing, r->count.missing == 1 ? "" : "s",
	    r->count.missing == 1 ? "is" : "are");
}

static bool
copy_backup(const struct restoring *r, const struct store_options *from, struct fault *why)
{
	struct schema_version v;

	if (!store_version(from, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(why, "%s: not there, or no database", r->file);
	return store_backup(from, r->fresh, why);
}

/* A database that was put aside has a log, which reading it makes anew: nothing is left of that. */
static bool
read_backup(const struct restoring *r, const struct store_options *from, struct fault *why)
{
	char log[CONF_TEXT_MAX], index[CONF_TEXT_MAX];
	bool ok, had_log;

	if (!copies_name(log, r->file, "-wal", why) || !copies_name(index, r->file, "-shm", why))
		return false;
	had_log = exists(log);
	ok = copy_backup(r, from, why);
	if (!had_log) {
		unlink(log);
		unlink(index);
	}
	return ok;
}

/* Copies the backup beside the database, and migrates the copy if it is older than we are. */
static bool
make_fresh(struct restoring *r, struct fault *why)
{
	struct office *o = r->office;
	struct store_options from = o->options, to = o->options;
	struct session *session = NULL;
	struct store *store;
	bool ok;

	from.path = r->file;
	to.path = r->fresh;
	if (!read_backup(r, &from, why))
		return false;
	store = store_open(&to, &o->random, why);
	if (store != NULL)
		session = session_open_writer(store, why);
	ok = session != NULL && check_fresh(r, session, why);
	session_close(session);
	if (store != NULL)
		store_close(store);
	return ok;
}

/* What is in the log of the old database goes into it, if it is still sound. */
static void
fold(struct office *o)
{
	struct session *session = NULL;
	struct schema_version v;
	struct store *store;
	struct fault ignored;
	uint64_t left;

	if (!store_version(&o->options, &v, &ignored) || v.have != v.want)
		return;
	store = store_open(&o->options, &o->random, &ignored);
	if (store == NULL)
		return;
	session = session_open_writer(store, &ignored);
	if (session != NULL)
		store_checkpoint(session, &left);
	session_close(session);
	store_close(store);
}

/* A log that could not be folded goes with its database, never with the new one. */
static bool
move_log(const struct restoring *r, struct fault *why)
{
	char old[CONF_TEXT_MAX], kept[CONF_TEXT_MAX];

	if (!copies_name(old, r->office->database, "-wal", why) ||
	    !copies_name(kept, r->aside, "-wal", why))
		return false;
	if (rename(old, kept) == -1 && errno != ENOENT)
		return fault_set(why, "%s: %s", old, strerror(errno));
	if (!copies_name(old, r->office->database, "-shm", why))
		return false;
	return unlink(old) == 0 || errno == ENOENT ||
	       fault_set(why, "%s: %s", old, strerror(errno));
}

/* A name that nothing has yet: two restores in one second keep both. */
static bool
name_aside(struct restoring *r, struct fault *why)
{
	time_t now = (time_t)r->office->now;
	char stamp[40], ending[56];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), ".before-restore-%Y%m%dT%H%M%SZ", &tm);
	snprintf(ending, sizeof(ending), "%s", stamp);
	for (unsigned n = 2; copies_name(r->aside, r->office->database, ending, why); n++) {
		if (!exists(r->aside))
			return true;
		snprintf(ending, sizeof(ending), "%s-%u", stamp, n);
	}
	return false;
}

/* Keeps what is there, bundles too, in the form of a backup. */
static bool
keep_old(struct restoring *r, struct fault *why)
{
	const struct office *o = r->office;
	char bundles[CONF_TEXT_MAX];

	if (!exists(o->database))
		return true;
	return name_aside(r, why) && copies_name(bundles, r->aside, ".bundles", why) &&
	       copies_folder(bundles, why) && copies_put_folder(o->bundles, bundles, why);
}

/* Whoever looks, at whatever moment this is broken off, finds the one database or the other. */
static bool
exchange(struct restoring *r, struct fault *why)
{
	struct office *o = r->office;

	if (r->aside[0] != '\0') {
		fold(o);
		if (!move_log(r, why) || !copies_set_aside(o->database, r->aside, why))
			return false;
	} else {
		copies_remove_database(o->database); /* a log that lost its database */
	}
	return copies_rename(r->fresh, o->database, why);
}

static bool
restore(struct restoring *r, struct fault *why)
{
	struct office *o = r->office;
	bool ok;

	if (!copies_name(r->bundles, r->file, ".bundles", why) ||
	    !copies_name(r->key, r->file, ".key", why) ||
	    !copies_name(r->fresh, o->database, ".restoring", why))
		return false;
	if (!upload_folder_prepare(o->bundles, why) || !find_key(r, why))
		return false;
	copies_remove_database(r->fresh); /* with the log of one that was killed */
	ok = make_fresh(r, why) && keep_old(r, why) && exchange(r, why);
	copies_remove_database(r->fresh);
	return ok;
}

enum outcome
command_restore(const struct invocation *in, struct fault *why)
{
	struct office o;
	struct restoring r = { .office = &o, .file = in->words[0] };
	bool ok =
	    office_read(&o, in, why) && ground_make_folder(&o, why) && office_become_owner(&o, why);

	umask(077);
	ok = ok && office_lock(&o, why) && restore(&r, why);
	office_close(&o);
	if (!ok)
		return FAILED;
	printf("%s: restored, with %" PRIu64 " bundle%s\n", o.database, r.count.there,
	    r.count.there == 1 ? "" : "s");
	if (r.aside[0] != '\0')
		printf("%s: the database that was there before\n", r.aside);
	return DONE;
}
