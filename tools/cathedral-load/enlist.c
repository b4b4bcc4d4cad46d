/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-load/enlist.h"

#include "base/file.h"
#include "protocol/crypto/secret.h"
#include "registry/registry_db.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE      1000 /* flocks in a transaction */
#define PATH_SIZE 4096
#define DATABASE  "cathedral-load"

static bool
fill_flock(struct record_flock *f, const struct roster *r, uint64_t n, uint8_t extra)
{
	size_t count = (size_t)r->devices + (extra != 0);
	struct cathedral_secret cs;
	struct cosk_secret cosk;
	struct cosk_public public;

	f->id = roster_flock(n);
	f->devices = calloc(count, sizeof(f->devices[0]));
	if (f->devices == NULL)
		return false;
	f->device_count = count;
	roster_secret(r, n, &cs);
	roster_signing(r, n, &cosk, &public);
	for (size_t i = 0; i < count; i++) {
		uint8_t d = i < r->devices ? (uint8_t)(i + 1) : extra;

		f->devices[i] = (struct record_device){
			.id = roster_device(n, d),
			.kek = d,
			.mbit = (uint32_t)r->mbit,
			.cs = cs,
			.cosk = public,
		};
	}
	secret_wipe(&cs, sizeof(cs));
	secret_wipe(&cosk, sizeof(cosk));
	return true;
}

/* Flocks first, first + step, ... of a page. */
struct span {
	uint64_t first, step, count;
	uint8_t extra;
};

static bool
fill_page(struct record_page *page, const struct roster *r, const struct span *s, struct fault *why)
{
	page->flocks = calloc(s->count, sizeof(page->flocks[0]));
	if (page->flocks == NULL)
		return fault_set(why, "out of memory");
	for (uint64_t n = 0; n < s->count; n++) {
		if (!fill_flock(&page->flocks[n], r, s->first + n * s->step, s->extra))
			return fault_set(why, "out of memory");
		page->flock_count++;
	}
	return true;
}

static struct registry_db *
open_db(const char *folder, const char *name, struct random *random, struct fault *why)
{
	char path[PATH_SIZE], key[PATH_SIZE];
	struct registry_db_options options = { .path = path, .key = key };

	snprintf(path, sizeof(path), "%s/%s.db", folder, name);
	snprintf(key, sizeof(key), "%s/%s.db.key", folder, name);
	return registry_db_create(&options, random, why);
}

static void
name_cathedral(struct record_cathedral *c, const char *name, const struct endpoint *at)
{
	*c = (struct record_cathedral){ .region = "load", .at = *at, .shroud = true };
	snprintf(c->name, sizeof(c->name), "%s", name);
}

/* Both cathedrals are in it; each leaves itself out. */
static bool
add_fleet(struct record_page *page, const struct enlist_where *where, struct fault *why)
{
	page->has_fleet = true;
	if (where->far_at.port == 0)
		return true;
	page->fleet = calloc(2, sizeof(page->fleet[0]));
	if (page->fleet == NULL)
		return fault_set(why, "out of memory");
	page->fleet_count = 2;
	name_cathedral(&page->fleet[0], "near", &where->shroud_at);
	name_cathedral(&page->fleet[1], "far", &where->far_at);
	return true;
}

static bool
put_all(struct registry_db *db, const struct roster *r, const struct enlist_where *where,
    struct random *random, struct fault *why)
{
	uint64_t flocks = r != NULL ? r->flocks : 0, done = 0;
	bool ok = true;

	do {
		uint64_t left = flocks - done;
		struct span s = { done, 1, left < PAGE ? left : PAGE, 0 };
		struct record_page page = {
			.reset = done == 0, .since = done, .database = DATABASE
		};
		bool changed;

		done += s.count;
		page.until = done;
		page.more = done < flocks;
		ok = (s.count == 0 || fill_page(&page, r, &s, why)) &&
		     (page.more || add_fleet(&page, where, why)) &&
		     registry_db_put(db, &page, &changed, random, why);
		record_page_free(&page);
	} while (ok && done < flocks);
	return ok;
}

static bool
write_db(const char *folder, const char *name, const struct roster *r,
    const struct enlist_where *where, struct random *random, struct fault *why)
{
	struct registry_db *db = open_db(folder, name, random, why);
	bool ok = db != NULL && put_all(db, r, where, random, why);

	registry_db_close(db);
	return ok;
}

bool
enlist_change(const char *folder, const struct roster *r, uint64_t count, uint8_t extra,
    struct random *random, struct fault *why)
{
	struct span s = { 0, count > 0 ? r->flocks / count : 1, count, extra };
	struct record_page page = { .database = DATABASE };
	struct registry_db_state state;
	struct registry_db *db = open_db(folder, "registry", random, why);
	bool changed,
	    ok = db != NULL && registry_db_state(db, &state, why) && fill_page(&page, r, &s, why);

	if (ok) {
		page.since = state.until;
		page.until = state.until + 1;
		ok = registry_db_put(db, &page, &changed, random, why);
	}
	record_page_free(&page);
	registry_db_close(db);
	return ok;
}

/* ---- the folder, for one user or two ---- */

struct owner {
	const char *name; /* NULL: whoever this is */
	uid_t uid;
	gid_t gid;
};

static bool
find_owner(struct owner *o, const char *name, struct fault *why)
{
	const struct passwd *user;

	*o = (struct owner){ .name = name };
	if (name == NULL)
		return true;
	if (geteuid() != 0)
		return fault_set(why, "--user: only root can become somebody else");
	errno = 0;
	user = getpwnam(name);
	if (user == NULL)
		return fault_set(why, "--user %s: there is no such user", name);
	o->uid = user->pw_uid;
	o->gid = user->pw_gid;
	return true;
}

/* In a folder for its group, so is the registry: then both may write to it. */
static bool
make_folder(const char *folder, const struct owner *o, struct fault *why)
{
	if (!file_make_folder(folder, 0700, why))
		return false;
	if (o->name == NULL || (chown(folder, (uid_t)-1, o->gid) == 0 && chmod(folder, 02770) == 0))
		return true;
	return fault_set(why, "%s: %s", folder, strerror(errno));
}

/* A file that only the daemon's user may read. */
static bool
write_own(const char *folder, const char *name, const struct owner *o, const void *data, size_t len,
    struct fault *why)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!file_replace(path, 0400, data, len, why))
		return false;
	return o->name == NULL || chown(path, o->uid, o->gid) == 0 ||
	       fault_set(why, "%s: %s", path, strerror(errno));
}

/* A copy of a key file under a name of its own: NAME.db.key for us, NAME.key for the daemon. */
static bool
copy_key(const char *folder, const char *name, const struct owner *o, struct fault *why)
{
	char path[PATH_SIZE], copy[64];
	uint8_t *key;
	size_t len;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s.db.key", folder, name);
	snprintf(copy, sizeof(copy), "%s.key", name);
	if (!file_read(&key, &len, path, 4096, why))
		return false;
	ok = write_own(folder, copy, o, key, len, why);
	secret_wipe(key, len);
	free(key);
	return ok;
}

/* ---- configurations ---- */

struct conf_wish {
	const char *name;     /* of the file, and in reports */
	const char *registry; /* without .db */
	struct endpoint shroud_at, clear_at;
	bool federates;
	uint64_t workers;
	const char *user, *lines;
};

static const char measuring[] =
    "# Sizes shall not depend on chance, and strange identities be found soon.\n"
    "mtu 576\nlookup_percent 100\n";

static bool
write_conf(const char *folder, const struct conf_wish *w, struct fault *why)
{
	char path[PATH_SIZE], text[1024], shroud[ENDPOINT_TEXT], clear[ENDPOINT_TEXT];
	int len = snprintf(text, sizeof(text),
	    "# For cathedral-load(8): this host's own tests.\n"
	    "listen %s shroud\nlisten %s clear\nregistry %s.db\nregistry_key %s.key\n%s"
	    "%s%s\ninstance %s\nworkers %" PRIu64 "\n%s",
	    endpoint_format(&w->shroud_at, shroud), endpoint_format(&w->clear_at, clear),
	    w->registry, w->registry, w->federates ? "federation_secret federation.key\n" : "",
	    w->user != NULL ? "user " : "", w->user != NULL ? w->user : "", w->name, w->workers,
	    w->lines != NULL ? w->lines : measuring);

	if (len < 0 || (size_t)len >= sizeof(text))
		return fault_set(why, "--user: the name is too long");
	snprintf(path, sizeof(path), "%s/%s.conf", folder, w->name);
	return file_replace(path, 0644, text, (size_t)len, why);
}

static bool
write_federation_key(
    const char *folder, const struct owner *o, struct random *random, struct fault *why)
{
	struct federation_secret secret;
	bool ok;

	random_bytes(random, secret.bytes, sizeof(secret.bytes));
	ok = write_own(folder, "federation.key", o, secret.bytes, sizeof(secret.bytes), why);
	secret_wipe(&secret, sizeof(secret));
	return ok;
}

static bool
write_confs(const char *folder, const struct enlist_where *where, struct fault *why)
{
	bool two = where->far_at.port != 0;
	struct conf_wish near = { "cathedral", "registry", where->shroud_at, where->clear_at, two,
		where->workers, where->user, where->lines };
	struct conf_wish empty = near, far = near;

	empty.name = empty.registry = "empty";
	empty.federates = false;
	far.name = "far";
	far.shroud_at = far.clear_at = where->far_at;
	far.clear_at.port++;
	return write_conf(folder, &near, why) && write_conf(folder, &empty, why) &&
	       (!two || write_conf(folder, &far, why));
}

bool
enlist_all(const char *folder, const struct roster *r, const struct enlist_where *where,
    struct random *random, struct fault *why)
{
	struct enlist_where alone = *where;
	struct owner owner;

	alone.far_at.port = 0;
	return find_owner(&owner, where->user, why) && make_folder(folder, &owner, why) &&
	       roster_write(r, folder, why) && write_confs(folder, where, why) &&
	       write_db(folder, "registry", r, where, random, why) &&
	       write_db(folder, "empty", NULL, &alone, random, why) &&
	       copy_key(folder, "registry", &owner, why) &&
	       copy_key(folder, "empty", &owner, why) &&
	       write_federation_key(folder, &owner, random, why);
}
