/* SPDX-License-Identifier: ISC */
#include "cathedral/state/follow_update.h"

#include "base/file.h"
#include "cathedral/state/follow.h"
#include "protocol/crypto/secret.h"
#include "registry/registry_db.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <unistd.h>

/* The main thread has more to do than to wait for who writes; it comes again. */
#define BUSY_MS 500

struct follow {
	struct registry_db_options options;
	struct registry_db *db; /* NULL: not opened yet */
	bool again;             /* what old registries say of versions does not count */
};

struct follow *
follow_create(const char *path, const char *key)
{
	struct follow *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->options = (struct registry_db_options){ .path = path, .key = key, .busy_ms = BUSY_MS };
	return f;
}

void
follow_destroy(struct follow *f)
{
	if (f == NULL)
		return;
	registry_db_close(f->db);
	free(f);
}

void
follow_again(struct follow *f)
{
	f->again = true;
}

bool
follow_is_there(const struct follow *f)
{
	return access(f->options.path, F_OK) == 0;
}

bool
follow_changed(struct follow *f, const struct registry *r)
{
	if (f->db == NULL)
		return follow_is_there(f);
	return f->again || registry_db_changed(f->db, registry_version(r));
}

static bool
read_secret(struct update *u, struct fault *why)
{
	struct federation_secret secret;

	if (u->source->federation == NULL)
		return true;
	if (!file_read_exact(&secret, sizeof(secret), u->source->federation, why))
		return false;
	registry_set_secret(u->next, &secret);
	secret_wipe(&secret, sizeof(secret));
	return true;
}

/* ---- the whole ---- */

/* Everything whose version is above after, into u->next; *whole as registry_db_read() says. */
static bool
read_into(struct follow *f, struct update *u, uint64_t after, bool *whole, struct fault *why)
{
	struct registry_db_visitor to = update_visitor;
	uint64_t version;

	to.arg = u;
	if (!registry_db_read(f->db, after, &to, whole, &version, why))
		return false;
	/* Its versions are those of this file from now on, which those of old need not be. */
	if (*whole)
		f->again = true;
	registry_set_version(u->next, version);
	return update_finish(u, why) && read_secret(u, why);
}

static void
update_drop(struct update *u)
{
	registry_free(u->next);
	free(u->replaced);
	u->next = NULL;
	u->replaced = NULL;
	u->replaced_count = u->replaced_room = 0;
}

static bool
read_all(struct follow *f, struct update *u, struct fault *why)
{
	bool whole;

	u->next = registry_empty(u->source->hash);
	registry_touch_all(u->touched);
	if (u->next == NULL)
		return fault_set(why, "out of memory");
	if (!read_into(f, u, 0, &whole, why))
		return false;
#ifdef __GLIBC__
	malloc_trim(0); /* tables grew out of what they had, again and again */
#endif
	return true;
}

static bool
read_changes(struct follow *f, struct update *u, struct fault *why)
{
	bool whole;

	u->next = registry_copy(u->old);
	if (u->next == NULL)
		return fault_set(why, "out of memory");
	if (!read_into(f, u, registry_version(u->old), &whole, why))
		return false;
	if (!whole)
		return true;
	/* Another file, or too far behind: what did not come up is gone, but is still in there. */
	update_drop(u);
	return read_all(f, u, why);
}

struct registry *
follow_load(struct follow *f, const struct registry_source *source, const struct registry *old,
    struct registry_touched *touched, struct fault *why)
{
	struct update u = { .source = source, .old = old, .touched = touched };
	struct registry *next = NULL;
	bool whole = f->again || registry_version(old) == 0;

	if (f->db == NULL)
		f->db = registry_db_open(&f->options, why);
	if (f->db == NULL)
		return NULL;
	if (whole ? read_all(f, &u, why) : read_changes(f, &u, why)) {
		f->again = false;
		next = u.next;
		u.next = NULL;
	}
	update_drop(&u);
	return next;
}
