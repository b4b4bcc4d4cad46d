/* SPDX-License-Identifier: ISC */
/* Keeps a cathedral's registry true to what the service says, and the service told of it. */
#include "base/privileges.h"
#include "tools/cathedral-sync/check.h"
#include "tools/cathedral-sync/sandbox.h"
#include "tools/cathedral-sync/sync.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONF_DEFAULT "/etc/cathedral/cathedral-sync.conf"

static const char usage[] = "usage: cathedral-sync [-n] [-c FILE]\n"
			    "       cathedral-sync --help | --help-conf | --version\n"
			    "\n"
			    "  -c, --config FILE  read this instead of " CONF_DEFAULT "\n"
			    "  -n, --check        say whether it and the files it names are right\n"
			    "      --help-conf    list the keywords of the configuration file\n"
			    "      --version      print the version\n";

struct options {
	const char *conf;
	bool check;
	bool done; /* nothing is left to do, but to exit with status */
	int status;
};

static void
answer_option(struct options *o, int option)
{
	o->done = true;
	o->status = EXIT_SUCCESS;
	if (option == 'h') {
		fputs(usage, stdout);
	} else if (option == 'H') {
		conf_print_help(stdout, sync_conf_table);
	} else if (option == 'V') {
		puts("cathedral-sync " VERSION);
	} else {
		fputs(usage, stderr);
		o->status = 2;
	}
}

static struct options
options_read(int argc, char **argv)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "help-conf", no_argument, NULL, 'H' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct options o = { .conf = CONF_DEFAULT };
	int option;

	while (!o.done && (option = getopt_long(argc, argv, "c:nh", names, NULL)) != -1) {
		if (option == 'c')
			o.conf = optarg;
		else if (option == 'n')
			o.check = true;
		else
			answer_option(&o, option);
	}
	if (!o.done && optind < argc)
		answer_option(&o, '?');
	return o;
}

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
	bool ok = s != NULL && (!conf->sandbox || sync_sandbox_enter(why)) && sync_run(s, why);

	sync_destroy(s);
	return ok;
}

int
main(int argc, char **argv)
{
	struct options options = options_read(argc, argv);
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
	sync_sandbox_leave();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
