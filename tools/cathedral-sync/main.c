/* SPDX-License-Identifier: ISC */
/* Keeps a cathedral's registry true to what the service says, and the service told of it. */
#include "base/privileges.h"
#include "base/sandbox.h"
#include "base/startup.h"
#include "tools/cathedral-sync/check.h"
#include "tools/cathedral-sync/sandbox.h"
#include "tools/cathedral-sync/sync.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONF_DEFAULT "/etc/cathedral/cathedral-sync.conf"

static const struct startup_program program = {
	.name = "cathedral-sync", .version = VERSION, .conf = CONF_DEFAULT, .table = sync_conf_table
};

/* Root is given up for good, and only the configuration can say for whom. */
static bool
become_user(const struct sync_conf *conf, const char *path, struct fault *why)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

	if (geteuid() == 0 && conf->user[0] == '\0')
		return fault_set(why,
		    "%s: started as root without a user to become: write \"user NAME\" there, and "
		    "let that user read and write the files it names",
		    path);
	/* Secrets are in locked memory; who is refused this has to do with what he has. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	return privileges_drop(conf->user, why);
}

static bool
run(const struct sync_conf *conf, struct fault *why)
{
	struct sync *s = sync_create(conf, why);
	bool ok = s != NULL && (!conf->sandbox || sandbox_enter(sync_calls, NULL, why)) &&
		  sync_run(s, why);

	sync_destroy(s);
	return ok;
}

int
main(int argc, char **argv)
{
	struct startup options = startup_read(argc, argv, &program);
	static struct sync_conf conf;
	struct fault why = { "" };
	bool ok;

	if (options.done)
		return options.status;
	signal(SIGPIPE, SIG_IGN); /* services that go away are not our end */
	ok = sodium_init() != -1 || fault_set(&why, "libsodium does not work here");
	ok = ok && sync_conf_read(&conf, options.conf, &why);
	if (ok)
		log_set_level(conf.log_level);
	ok = ok && become_user(&conf, options.conf, &why);
	if (ok)
		ok = options.check ? check(&conf, options.conf, &why) : run(&conf, &why);
	if (!ok)
		log_error("%s", why.text);
	sandbox_leave();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
