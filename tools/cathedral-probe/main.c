/* SPDX-License-Identifier: ISC */
/* cathedral-probe: a device on the command line, for people and for monitoring. */
#include "base/clock.h"
#include "base/random.h"
#include "protocol/crypto/aead.h"
#include "protocol/crypto/secret.h"
#include "tools/cathedral-probe/commands.h"
#include "tools/cathedral-probe/loop.h"
#include "tools/cathedral-probe/output.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	enum command_bit bit;
	command_run *run;
	const char *help;
} commands[] = {
	{ "register", FOR_REGISTER, run_register, "register a device and print what comes back" },
	{ "pair", FOR_PAIR, run_pair, "measure the way between both ends of a tunnel" },
	{ "end", FOR_END, run_end, "be one end of a tunnel until stopped" },
	{ 0 },
};

static void
print_help(FILE *to)
{
	fputs("usage: cathedral-probe COMMAND OPTIONS\n\n", to);
	for (const struct command *c = commands; c->name != NULL; c++)
		fprintf(to, "  %-10s %s\n", c->name, c->help);
	fputs("\ncathedral-probe COMMAND --help lists a command's options.\n"
	      "exit status: 0 it works, 1 it does not, 2 wrong options or unusable files\n",
	    to);
}

static enum outcome
run(const struct command *c, const struct options *o, struct fault *why)
{
	struct random *r = secret_alloc(sizeof(*r));
	struct device_moment m = { .now = clock_now(), .random = r };
	enum outcome outcome;

	if (r == NULL || !aead_init()) {
		fault_set(why, "this host offers no memory for secrets, or no AES-256-GCM");
		secret_free(r, sizeof(*r));
		return OUTCOME_BROKEN;
	}
	random_from_system(r);
	loop_catch_signals();
	outcome = c->run(o, &m, why);
	secret_free(r, sizeof(*r));
	if (!output_flush() && outcome == OUTCOME_WORKS) {
		fault_set(why, "standard output cannot be written");
		outcome = OUTCOME_BROKEN;
	}
	return outcome;
}

static enum outcome
dispatch(const struct command *c, int argc, char **argv)
{
	struct options o;
	struct fault why;
	enum outcome outcome = OUTCOME_USAGE;
	bool help;

	if (options_parse(&o, argc, argv, c->bit, &help, &why)) {
		if (help) {
			printf("usage: cathedral-probe %s OPTIONS\n\n%s.\n\n", c->name, c->help);
			options_help(stdout, c->bit);
			return OUTCOME_WORKS;
		}
		outcome = run(c, &o, &why);
	}
	if (outcome != OUTCOME_WORKS && why.text[0] != '\0')
		fprintf(stderr, "cathedral-probe %s: %s\n", c->name, why.text);
	return outcome;
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		print_help(stdout);
		return OUTCOME_WORKS;
	}
	if (strcmp(word, "--version") == 0) {
		puts("cathedral-probe " VERSION);
		return OUTCOME_WORKS;
	}
	for (const struct command *c = commands; c->name != NULL; c++)
		if (strcmp(word, c->name) == 0)
			return dispatch(c, argc - 1, argv + 1);
	if (argc > 1)
		fprintf(stderr, "cathedral-probe: %s: no such command\n", word);
	else
		print_help(stderr);
	return OUTCOME_USAGE;
}
