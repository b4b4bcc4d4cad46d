/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/commands/ground.h"
#include "reliquary-api/commands/office.h"
#include "reliquary-api/http/tls.h"
#include "reliquary-api/store/flocks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
check_certificates(const struct office *o, struct fault *why)
{
	const struct server_options *s = &o->conf.server;
	struct tls *tls;

	if (s->tls_cert[0] == '\0')
		return true;
	tls = tls_create(s->tls_cert, s->tls_key, o->now, why);
	tls_destroy(tls);
	return tls != NULL;
}

/* Nothing is remembered here: checking changes nothing. */
static bool
check_key(struct office *o, struct fault *why)
{
	char theirs[STORE_LABEL];
	enum store_result result;

	if (!office_open_vault(o, why))
		return false;
	result = fact_get(o->session, "vault", theirs);
	if (result == STORE_NONE)
		return true;
	if (result != STORE_OK)
		return office_result(result, "database", o->database, why);
	return office_match_vault(o->session, o->vault, o->key, o->database, why);
}

struct looking {
	const char *folder;
	struct fault *why;
	uint64_t count;
	bool ok;
};

static bool
look_at(void *arg, const struct bundle_row *b)
{
	struct looking *l = arg;
	char path[CONF_TEXT_MAX + BUNDLE_FILE_NAME + 1];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", l->folder, b->file);
	l->count++;
	if (stat(path, &st) == -1)
		l->ok = fault_set(l->why, "%s: a bundle: %s", path, strerror(errno));
	else if ((uint64_t)st.st_size != b->size)
		l->ok = fault_set(l->why, "%s: a bundle of %jd bytes, which had %" PRIu64, path,
		    (intmax_t)st.st_size, b->size);
	return l->ok;
}

static bool
check_database(struct office *o, struct fault *why)
{
	struct looking l = { .folder = o->bundles, .why = why, .ok = true };
	enum store_result result;

	o->store = store_open(&o->options, &o->random, why);
	if (o->store != NULL)
		o->session = session_open_reader(o->store, why);
	if (o->session == NULL)
		return false;
	if (!store_check(o->session, why))
		return fault_prefix(why, "%s", o->database);
	if (!check_key(o, why))
		return false;
	result = bundle_each(o->session, look_at, &l);
	if (!l.ok || !office_result(result, "bundle", "bundles", why))
		return false;
	printf(
	    "%s: fine, with %" PRIu64 " bundle%s\n", o->database, l.count, l.count == 1 ? "" : "s");
	return true;
}

static bool
check(struct office *o, struct fault *why)
{
	struct schema_version v;
	char at[ENDPOINT_TEXT];

	if (!check_certificates(o, why))
		return false;
	printf("%s: fine, listens on %s, registration %s\n",
	    o->conf_path != NULL ? o->conf_path : "configuration",
	    endpoint_format(&o->conf.server.listen, at),
	    registration_name(o->conf.settings.registration));
	if (!store_version(&o->options, &v, why) || !ground_check_lost(o, &v, why))
		return false;
	if (v.have == v.want)
		return check_database(o, why);
	if (v.have == 0)
		printf("%s: not there yet; serve makes it\n", o->database);
	else
		printf("%s: of version %u; serve or migrate brings it to %u\n", o->database, v.have,
		    v.want);
	return true;
}

enum outcome
command_check(const struct invocation *in, struct fault *why)
{
	struct office o;
	bool ok = office_read(&o, in, why) && office_become_owner(&o, why) && check(&o, why);

	office_close(&o);
	return ok ? DONE : FAILED;
}
