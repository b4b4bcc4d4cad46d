/* SPDX-License-Identifier: ISC */
/* cathedral-load: how much a cathedral can do, and what it costs. */
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-load/load_commands.h"
#include "tools/cathedral-load/show.h"
#include "tools/cathedral-load/stop.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

enum { EXIT_MEASURED = 0, EXIT_NOT_MEASURED = 1, EXIT_USAGE = 2 };

static const struct command {
	const char *name;
	enum load_command bit;
	load_command_run *run;
	const char *help;
} commands[] = {
	{ "make", LOAD_MAKE, run_make,
	    "make a synthetic fleet in a new folder, and configurations of cathedrals for it" },
	{ "register", LOAD_REGISTER, run_offers, "how many offers are accepted, and how soon" },
	{ "relay", LOAD_RELAY, run_relay, "data between devices: rate, loss, order, latency, CPU" },
	{ "strangers", LOAD_STRANGERS, run_strangers,
	    "the same without and with packets that nobody should have sent" },
	{ "federate", LOAD_FEDERATE, run_federate, "data that goes through two cathedrals" },
	{ "cap", LOAD_CAP, run_cap, "what is delivered of more than a device may receive" },
	{ "reload", LOAD_RELOAD, run_reload, "data while the registry changes" },
	{ "memory", LOAD_MEMORY, run_memory, "memory by devices and tunnels" },
	{ "compare", LOAD_COMPARE, run_compare, "a cathedral and an echo, in turns" },
	{ "soak", LOAD_SOAK, run_soak,
	    "everything at once through two cathedrals of its own, and whether anything grows" },
	{ "echo", LOAD_ECHO, run_echo, "be that echo" },
	{ 0 },
};

static void
print_help(FILE *to)
{
	fputs("usage: cathedral-load COMMAND OPTIONS\n\n", to);
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->help);
	fputs(
	    "\ncathedral-load COMMAND --help lists a command's options.\n"
	    "It is for cathedrals of your own, on a network of your own: it takes as much of both\n"
	    "as it is told to.  Nothing is sent to any address that it is not given.\n"
	    "exit status: 0 measured, 1 not (soak: or not flat), 2 wrong options\n",
	    to);
}

static int
run(const struct command *c, const struct load_options *o, struct fault *why)
{
	struct random *r = secret_alloc(sizeof(*r));
	int status = EXIT_NOT_MEASURED;

	if (r == NULL || !aead_init()) {
		fault_set(why, "this host offers no memory for secrets, or no AES-256-GCM");
	} else {
		random_from_system(r);
		stop_catch();
		/* Short waits are to be short; without this they take a while longer. */
		prctl(PR_SET_TIMERSLACK, 1000UL);
		if (c->run(o, r, why))
			status = EXIT_MEASURED;
	}
	secret_free(r, sizeof(*r));
	if (status == EXIT_MEASURED && !show_end()) {
		fault_set(why, "standard output cannot be written");
		status = EXIT_NOT_MEASURED;
	}
	return status;
}

static int
dispatch(const struct command *c, int argc, char **argv)
{
	struct load_options o;
	struct fault why;
	int status = EXIT_USAGE;
	bool help;

	if (load_options_parse(&o, argc, argv, c->bit, &help, &why)) {
		if (help) {
			printf("usage: cathedral-load %s OPTIONS\n\n%s.\n\n", c->name, c->help);
			load_options_help(stdout, c->bit);
			return EXIT_MEASURED;
		}
		status = run(c, &o, &why);
	}
	if (status != EXIT_MEASURED && why.text[0] != '\0')
		fprintf(stderr, "cathedral-load %s: %s\n", c->name, why.text);
	return status;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help(stdout);
		return EXIT_MEASURED;
	}
	if (strcmp(word, "--version") == 0) {
		puts("cathedral-load " VERSION);
		return EXIT_MEASURED;
	}
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(word, c->name) == 0)
			return dispatch(c, argc - 1, argv + 1);
	}
	if (argc > 1)
		fprintf(stderr, "cathedral-load: %s: no such command\n", word);
	else
		print_help(stderr);
	return EXIT_USAGE;
}
