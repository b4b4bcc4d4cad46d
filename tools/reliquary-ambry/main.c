/* SPDX-License-Identifier: ISC */
/* reliquary-ambry: the keys of flocks, and ambry bundles made with them.  Works offline. */
#include "base/clock.h"
#include "base/random.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/reliquary-ambry/commands.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
print_help(FILE *to)
{
	fputs("usage: reliquary-ambry [-C DIR] COMMAND ...\n\n", to);
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(to, "  %s %s\n      %s\n", c->name, c->arguments, c->help);
	fputs("\noptions:\n"
	      "  -C, --directory DIR  work in DIR, where the key tree is, instead of here\n"
	      "  -f, --force          bundle: replace FILE if it is there\n"
	      "  -h, --help           print this\n"
	      "  -V, --version        print the version\n"
	      "\nexit status: 0 done, 1 failed or unsound, 2 wrong usage\n",
	    to);
}

static const struct command *
command_find(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static enum outcome
run(const struct command *command, char *const *words, bool force)
{
	struct random *r = secret_alloc(sizeof(*r));
	struct call call = { .words = words, .force = force, .now = clock_now(), .random = r };
	struct fault why = { "no memory for secrets" };
	enum outcome outcome = OUTCOME_FAILED;

	if (r != NULL) {
		random_from_system(r);
		outcome = command->run(&call, &why);
	}
	secret_free(r, sizeof(*r));
	if (outcome != OUTCOME_DONE)
		fprintf(stderr, "reliquary-ambry: %s\n", why.text);
	else if (fflush(stdout) != 0) {
		perror("reliquary-ambry: standard output");
		outcome = OUTCOME_FAILED;
	}
	return outcome;
}

/* Finds the command among the words left over by the options, and counts its own. */
static enum outcome
dispatch(char *const *words, int count, bool force)
{
	const struct command *command;

	if (count == 0) {
		print_help(stderr);
		return OUTCOME_USAGE;
	}
	command = command_find(words[0]);
	if (command == NULL) {
		fprintf(
		    stderr, "reliquary-ambry: %s: no such command; --help lists them\n", words[0]);
		return OUTCOME_USAGE;
	}
	if (count - 1 != command->words) {
		fprintf(
		    stderr, "usage: reliquary-ambry %s %s\n", command->name, command->arguments);
		return OUTCOME_USAGE;
	}
	return run(command, words + 1, force);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "directory", required_argument, NULL, 'C' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	bool force = false;
	int option;

	umask(077);
	while ((option = getopt_long(argc, argv, "C:fhV", options, NULL)) != -1) {
		switch (option) {
		case 'C':
			if (chdir(optarg) == 0)
				break;
			fprintf(stderr, "reliquary-ambry: %s: %s\n", optarg, strerror(errno));
			return OUTCOME_FAILED;
		case 'f':
			force = true;
			break;
		case 'h':
			print_help(stdout);
			return OUTCOME_DONE;
		case 'V':
			puts("reliquary-ambry " VERSION);
			return OUTCOME_DONE;
		default:
			return OUTCOME_USAGE; /* getopt_long() said why */
		}
	}
	if (!aead_init()) {
		fputs("reliquary-ambry: this host offers no AES-256-GCM\n", stderr);
		return OUTCOME_FAILED;
	}
	return dispatch(argv + optind, argc - optind, force);
}
