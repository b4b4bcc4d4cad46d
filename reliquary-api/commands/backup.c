/* SPDX-License-Identifier: ISC */
#include "base/file.h"
#include "protocol/crypto/secret.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/copies.h"
#include "reliquary-api/commands/office.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_SIZE 32
#define TRIES    5

/* Where the parts of a backup are. */
struct backup {
	const char *file;
	char part[CONF_TEXT_MAX]; /* the database until all is there */
	char bundles[CONF_TEXT_MAX];
	char key[CONF_TEXT_MAX];
	struct copies_count count;
};

/* The copy is whole, and the bundles that it knows lie beside it. */
static bool
complete(struct office *o, struct backup *b, struct fault *why)
{
	struct store_options options = o->options;
	struct session *session = NULL;
	struct store *store;
	bool ok = false;

	options.path = b->part;
	store = store_open(&options, &o->random, why);
	if (store != NULL)
		session = session_open_reader(store, why);
	if (session != NULL)
		ok = store_check(session, why) &&
		     copies_put_bundles(session, o->bundles, b->bundles, &b->count, why) &&
		     (b->count.missing > 0 || copies_remove_others(session, b->bundles, why));
	session_close(session);
	if (store != NULL)
		store_close(store);
	return ok;
}

/*
 * What was looked at stays behind with marks of that, such as being a database with a log; its copy
 * is one plain file, which can be read where nothing can be written.
 */
static bool
finish(const struct office *o, const struct backup *b, struct fault *why)
{
	struct store_options part = o->options;

	part.path = b->part;
	return store_backup(&part, b->file, why);
}

/*
 * The service goes on meanwhile: a bundle that was replaced in between may be gone before it was
 * copied.  Then the next copy of the database knows the one in its place.
 */
static bool
make(struct office *o, struct backup *b, struct fault *why)
{
	bool ok = true;

	b->count.missing = 1;
	for (int i = 0; ok && b->count.missing > 0 && i < TRIES; i++) {
		copies_remove_database(b->part); /* with the log of one that was killed */
		ok = store_backup(&o->options, b->part, why) && complete(o, b, why);
	}
	if (ok && b->count.missing > 0)
		ok = fault_set(why, "%s: %" PRIu64 " bundle%s that the database knows %s not there",
		    o->bundles, b->count.missing, b->count.missing == 1 ? "" : "s",
		    b->count.missing == 1 ? "is" : "are");
	ok = ok && finish(o, b, why);
	copies_remove_database(b->part);
	return ok;
}

/* The same key again is fine; another one is never overwritten. */
static bool
put_key(const struct office *o, const struct backup *b, struct fault *why)
{
	uint8_t key[KEY_SIZE], there[KEY_SIZE];
	bool ok = file_read_exact(key, sizeof(key), o->key, why);

	if (ok && access(b->key, F_OK) == 0) {
		ok = file_read_exact(there, sizeof(there), b->key, why);
		if (ok && !secret_equal(key, there, sizeof(key)))
			ok = fault_set(why, "%s: is there already, and another key", b->key);
	} else if (ok) {
		ok = file_create(b->key, 0400, key, sizeof(key), why);
	}
	secret_wipe(key, sizeof(key));
	secret_wipe(there, sizeof(there));
	return ok;
}

/* What did not become a backup leaves nothing of its own behind: the disk is full enough. */
static bool
run(struct office *o, struct backup *b, bool with_key, struct fault *why)
{
	bool fresh = access(b->bundles, F_OK) == -1;

	if (!copies_folder(b->bundles, why))
		return false;
	if (make(o, b, why))
		return !with_key || put_key(o, b, why);
	if (fresh)
		copies_remove_folder(b->bundles);
	return false;
}

enum outcome
command_backup(const struct invocation *in, struct fault *why)
{
	struct backup b = { .file = in->words[0] };
	bool with_key = invocation_has(in, "with-key");
	struct office o;
	bool ok = office_open(&o, in, why) && store_backup_place(&o.options, b.file, why) &&
		  copies_name(b.part, b.file, ".part", why) &&
		  copies_name(b.bundles, b.file, ".bundles", why) &&
		  copies_name(b.key, b.file, ".key", why) && run(&o, &b, with_key, why);

	office_close(&o);
	if (!ok)
		return FAILED;
	printf("%s: the database\n%s: %" PRIu64 " bundle%s\n", b.file, b.bundles, b.count.there,
	    b.count.there == 1 ? "" : "s");
	if (with_key)
		printf("%s: the key file; with it the rest can be read\n", b.key);
	else
		printf("Without the key file, %s, nobody can use them: keep a copy elsewhere\n",
		    o.key);
	return DONE;
}
