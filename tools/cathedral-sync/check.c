/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/check.h"

#include "registry/registry_db.h"
#include "tools/cathedral-sync/credentials.h"
#include "tools/cathedral-sync/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* libcurl looks at pin and certificates when it is given them. */
static bool
check_credentials(const struct sync_conf *conf, struct fault *why)
{
	struct credentials c = { .ca = NULL };
	struct fetch_hub *hub = NULL;
	struct fetch *f = NULL;

	if (!credentials_read(&c, conf->token, conf->ca, why))
		return false;
	hub = fetch_hub_create(&c, conf->pin, why);
	if (hub != NULL)
		f = fetch_create(hub);
	if (hub != NULL && f == NULL)
		fault_set(why, "libcurl does not take pin or ca");
	fetch_destroy(f);
	fetch_hub_destroy(hub);
	credentials_free(&c);
	return f != NULL;
}

static bool
check_folder(const char *file, struct fault *why)
{
	const char *slash = strrchr(file, '/');
	char folder[CONF_TEXT_MAX] = ".";

	if (slash != NULL)
		snprintf(
		    folder, sizeof(folder), "%.*s", slash == file ? 1 : (int)(slash - file), file);
	return access(folder, R_OK | W_OK | X_OK) == 0 ||
	       fault_set(why, "%s: %s", folder, strerror(errno));
}

static bool
check_registry(const struct sync_conf *conf, struct registry_db_state *ret, struct fault *why)
{
	const struct registry_db_options o = { .path = conf->registry, .key = conf->registry_key };
	struct registry_db *db = registry_db_open(&o, why);
	bool ok = db != NULL && registry_db_state(db, ret, why);

	registry_db_close(db);
	return ok;
}

bool
check(const struct sync_conf *conf, const char *path, struct fault *why)
{
	struct registry_db_state held;

	if (!check_credentials(conf, why) || !check_folder(conf->registry, why))
		return false;
	if (access(conf->registry, F_OK) == -1 && errno == ENOENT) {
		printf("%s: fine: %s will be made\n", path, conf->registry);
		return true;
	}
	if (!check_registry(conf, &held, why))
		return false;
	printf("%s: fine: %s holds %ju flocks, %ju devices, up to change %ju\n", path,
	    conf->registry, (uintmax_t)held.flocks, (uintmax_t)held.devices, (uintmax_t)held.until);
	return true;
}
