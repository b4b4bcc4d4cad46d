/* SPDX-License-Identifier: ISC */
#include "reliquary-api/commands/ground.h"

#include "base/file.h"
#include "base/privileges.h"
#include "reliquary-api/auth/token.h"
#include "reliquary-api/http/upload.h"
#include "reliquary-api/store/flocks.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only the last folder of the path holds secrets. */
static bool
make_parents(const char *path, struct fault *why)
{
	char parent[CONF_TEXT_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (slash == NULL || slash == parent)
		return true;
	*slash = '\0';
	return file_make_folder(parent, 0755, why);
}

static bool
give_to_user(const struct office *o, struct fault *why)
{
	const struct passwd *user;

	if (geteuid() != 0 || o->conf.user[0] == '\0')
		return true;
	user = getpwnam(o->conf.user);
	if (user == NULL)
		return fault_set(why, "user %s does not exist", o->conf.user);
	if (chown(o->conf.data, user->pw_uid, user->pw_gid) == -1)
		return fault_set(why, "%s: %s", o->conf.data, strerror(errno));
	return true;
}

bool
ground_make_folder(const struct office *o, struct fault *why)
{
	const char *data = o->conf.data;

	if (access(data, F_OK) == 0)
		return true;
	if (!make_parents(data, why))
		return false;
	if (mkdir(data, 0700) == -1 && errno != EEXIST)
		return fault_set(why, "%s: %s", data, strerror(errno));
	return give_to_user(o, why);
}

bool
ground_become_user(const struct office *o, struct fault *why)
{
	if (o->conf.user[0] != '\0' || geteuid() != 0) {
		if (!privileges_drop(o->conf.user, why))
			return false;
	} else if (!office_become_owner(o, why)) {
		return false;
	}
	return geteuid() != 0 || privileges_give_up(why);
}

/* What is lost with it is said before anything is made in its place. */
static bool
key_open(struct office *o, const struct schema_version *v, struct fault *why)
{
	if (v->have > 0)
		return office_open_vault(o, why);
	if (access(o->key, F_OK) == -1) {
		if (errno != ENOENT)
			return fault_set(why, "%s: %s", o->key, strerror(errno));
		if (!vault_create(o->key, &o->random, why))
			return false;
	}
	o->vault = vault_open(o->key, why);
	return o->vault != NULL;
}

/* Who may write in a folder can put another file in the place of any that is there. */
static bool
check_folder(const struct office *o, struct fault *why)
{
	const char *data = o->conf.data;
	struct stat st;

	if (access(data, R_OK | W_OK | X_OK) == -1 || stat(data, &st) == -1)
		return fault_set(why, "%s: %s for user %u: the service has to own it", data,
		    strerror(errno), (unsigned)geteuid());
	if ((st.st_mode & S_IWOTH) != 0)
		return fault_set(
		    why, "%s: everybody can write to it; chmod 700 %s closes it", data, data);
	return true;
}

static bool
has_bundles(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && (e = readdir(dir)) != NULL)
		found = token_plausible(e->d_name, BUNDLE_FILE_NAME - 1);
	closedir(dir);
	return found;
}

bool
ground_check_lost(const struct office *o, const struct schema_version *v, struct fault *why)
{
	if (v->have > 0 || !has_bundles(o->bundles))
		return true;
	return fault_set(why,
	    "%s: the database is not there, but bundles that belong to one are in %s: put it back, "
	    "or restore a backup; to start anew, move %s aside",
	    o->database, o->bundles, o->conf.data);
}

bool
ground_open(struct office *o, bool *first, struct fault *why)
{
	struct schema_version v;

	umask(077);
	if (!check_folder(o, why) || !office_lock(o, why) || !store_version(&o->options, &v, why) ||
	    !ground_check_lost(o, &v, why) || !key_open(o, &v, why))
		return false;
	o->store = store_open(&o->options, &o->random, why);
	if (o->store == NULL)
		return false;
	o->session = session_open_writer(o->store, why);
	if (o->session == NULL ||
	    !office_match_vault(o->session, o->vault, o->key, o->database, why))
		return false;
	session_close(o->session); /* the service has its own */
	o->session = NULL;
	*first = v.have == 0;
	return upload_folder_prepare(o->bundles, why);
}
