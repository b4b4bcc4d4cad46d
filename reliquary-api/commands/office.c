/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/office.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/privileges.h"
#include "protocol/crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_DEFAULT "/etc/reliquary/reliquary-api.conf"

static bool
make_paths(struct office *o, struct fault *why)
{
	const struct api_conf *c = &o->conf;

	if (api_conf_path(c, "reliquary.db", o->database) &&
	    api_conf_path(c, "bundles", o->bundles) && api_conf_path(c, "lock", o->lock_path) &&
	    api_conf_key(c, o->key))
		return true;
	return fault_set(why, "data: %s is too long for a folder", c->data);
}

bool
office_read(struct office *o, const struct invocation *in, struct fault *why)
{
	memset(o, 0, sizeof(*o));
	o->lock = -1;
	o->conf_path = in->conf;
	if (in->conf == NULL && access(CONF_DEFAULT, F_OK) == 0)
		o->conf_path = CONF_DEFAULT;
	if (!api_conf_read(&o->conf, o->conf_path, environ, in->given, why) || !make_paths(o, why))
		return false;
	log_set_level(o->conf.log_level);
	random_from_system(&o->random);
	o->now = clock_now().wall_s;
	o->options = (struct store_options){
		.path = o->database,
		.cache_kib = (unsigned)o->conf.cache_kib,
		.busy_ms = (unsigned)o->conf.busy_ms,
		.token_unused_days = (unsigned)(o->conf.settings.token_unused_s / 86400),
	};
	return true;
}

bool
office_become_owner(const struct office *o, struct fault *why)
{
	const struct passwd *owner;
	struct stat st;

	if (geteuid() != 0 || stat(o->conf.data, &st) == -1 || st.st_uid == 0)
		return true;
	owner = getpwuid(st.st_uid);
	if (owner == NULL)
		return fault_set(why, "%s: belongs to user %u, whose name nobody knows",
		    o->conf.data, (unsigned)st.st_uid);
	return privileges_drop(owner->pw_name, why);
}

/* A command does not make a database, nor change one's version behind a service's back. */
static bool
check_version(const struct office *o, struct fault *why)
{
	struct schema_version v;

	if (!store_version(&o->options, &v, why))
		return false;
	if (v.have == 0)
		return fault_set(why,
		    "%s: there is no database yet; reliquary-api serve makes it, and --data names "
		    "another folder",
		    o->database);
	if (v.have < v.want)
		return fault_set(why,
		    "%s: of version %u, and this program wants %u: stop the service, then "
		    "reliquary-api migrate",
		    o->database, v.have, v.want);
	return true;
}

bool
office_open(struct office *o, const struct invocation *in, struct fault *why)
{
	if (!office_read(o, in, why) || !office_become_owner(o, why) || !check_version(o, why))
		return false;
	umask(077);
	o->store = store_open(&o->options, &o->random, why);
	if (o->store != NULL)
		o->session = session_open_writer(o->store, why);
	return o->session != NULL;
}

struct remembering {
	const char *mine;
	char theirs[STORE_LABEL];
};

static enum store_result
remember(struct session *s, void *arg)
{
	struct remembering *r = arg;
	enum store_result result = fact_get(s, "vault", r->theirs);

	if (result != STORE_NONE)
		return result;
	memcpy(r->theirs, r->mine, strlen(r->mine) + 1);
	return fact_set(s, "vault", r->mine);
}

bool
office_match_vault(struct session *s, const struct vault *v, const char *key_path,
    const char *database, struct fault *why)
{
	uint8_t name[VAULT_FINGERPRINT];
	char text[2 * VAULT_FINGERPRINT + 1];
	struct remembering r = { .mine = text };
	enum store_result result;

	vault_fingerprint(v, name);
	hex_encode(text, name, sizeof(name));
	result = fact_get(s, "vault", r.theirs);
	if (result == STORE_NONE)
		result = store_atomically(s, remember, &r);
	if (result != STORE_OK)
		return office_result(result, "database", database, why);
	if (strcmp(r.theirs, text) == 0)
		return true;
	return fault_set(why,
	    "%s: not the key file that %s was made with: put that one back; without it no account "
	    "key, token or device secret in the database is of any use",
	    key_path, database);
}

bool
office_open_vault(struct office *o, struct fault *why)
{
	if (access(o->key, F_OK) == -1 && errno == ENOENT)
		return fault_set(why,
		    "%s: the key file is not there, but %s was made with one: put it back; "
		    "without it no account key, token or device secret in the database is "
		    "of any use",
		    o->key, o->database);
	o->vault = vault_open(o->key, why);
	return o->vault != NULL;
}

bool
office_unlock(struct office *o, struct fault *why)
{
	return office_open_vault(o, why) &&
	       office_match_vault(o->session, o->vault, o->key, o->database, why);
}

bool
office_lock(struct office *o, struct fault *why)
{
	o->lock = open(o->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (o->lock == -1)
		return fault_set(why, "%s: %s", o->lock_path, strerror(errno));
	if (flock(o->lock, LOCK_EX | LOCK_NB) == 0)
		return true;
	close(o->lock);
	o->lock = -1;
	return fault_set(why, "%s: a service is running with this folder", o->conf.data);
}

void
office_close(struct office *o)
{
	session_close(o->session);
	if (o->store != NULL)
		store_close(o->store);
	vault_close(o->vault);
	if (o->lock != -1)
		close(o->lock); /* the file stays: another may be waiting to lock it */
	secret_wipe(&o->random, sizeof(o->random));
}

bool
office_result(enum store_result result, const char *kind, const char *name, struct fault *why)
{
	switch (result) {
	case STORE_OK:
		return true;
	case STORE_NONE:
		return fault_set(why, "%s: there is no such %s", name, kind);
	case STORE_CONFLICT:
		return fault_set(why, "%s: there is such a %s already", name, kind);
	case STORE_FULL:
		return fault_set(why, "%s: there is no room for another %s", name, kind);
	case STORE_BUSY:
		return fault_set(
		    why, "the database is busy: another process writes to it; try again");
	case STORE_NO_SPACE:
		return fault_set(why, "the disk is full or read-only");
	case STORE_FAILED:
		break;
	}
	return fault_set(why, "the database failed; the lines above say how");
}
