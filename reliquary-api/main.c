/* SPDX-License-Identifier: ISC */
#include "base/fault.h"
#include "reliquary-api/commands/command.h"
#include "reliquary-api/conf.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: reliquary-api [-c FILE] [--OPTION VALUE ...] COMMAND\n"
    "       reliquary-api --help | --help-conf | --version\n"
    "\n"
    "A first start takes no more than this:\n"
    "\n"
    "  reliquary-api serve --data DIR --listen ADDRESS:PORT\n"
    "\n"
    "  -c, --config FILE  read this; else /etc/reliquary/reliquary-api.conf if it is there\n"
    "  -n                 the same as the command check\n"
    "      --OPTION       any option of the configuration file, which it overrides\n"
    "      --help-conf    list them\n"
    "      --version      print the version\n"
    "\n"
    "commands:\n";

static void
print_own(const struct command *c)
{
	const char *at = c->own;
	size_t len;

	for (at += strspn(at, " "); *at != '\0'; at += len + strspn(at + len, " ")) {
		len = strcspn(at, " ");
		printf(" [--%.*s]", (int)len, at);
	}
}

static void
print_help(void)
{
	fputs(usage, stdout);
	for (const struct command *c = api_commands; c->name != NULL; c++) {
		printf("  %s%s%s", c->name, c->arguments[0] != '\0' ? " " : "", c->arguments);
		print_own(c);
		printf("\n      %s\n", c->help);
	}
}

/* Does the command know all options that are not of the configuration? */
static bool
check_own(const struct command *c, const struct invocation *in, struct fault *why)
{
	char name[INVOCATION_NAME_MAX + 2];

	for (size_t i = 0; i < in->own_count; i++) {
		snprintf(name, sizeof(name), " %s ", in->own[i].name);
		if (strstr(c->own, name) == NULL)
			return fault_set(why, "%s takes no --%s", c->name, in->own[i].name);
	}
	return true;
}

static enum outcome
run(struct invocation *in, struct fault *why)
{
	const struct command *c;
	size_t used = 0;

	if (in->word_count == 0) {
		fault_set(why, "what is to be done? --help lists the commands");
		return MISUSED;
	}
	c = command_find(in->words, in->word_count, &used);
	if (c == NULL) {
		fault_set(why, "%s%s%s: no such command; --help lists them", in->words[0],
		    in->word_count > 1 ? " " : "", in->word_count > 1 ? in->words[1] : "");
		return MISUSED;
	}
	invocation_shift(in, used);
	if (in->word_count < c->words_min || in->word_count > c->words_max) {
		fault_set(why, "usage: reliquary-api %s%s%s", c->name,
		    c->arguments[0] != '\0' ? " " : "", c->arguments);
		return MISUSED;
	}
	if (!check_own(c, in, why))
		return MISUSED;
	return c->run(in, why);
}

/* What was said has to arrive. */
static enum outcome
flush(enum outcome outcome, struct fault *why)
{
	if (outcome != DONE || (fflush(stdout) == 0 && !ferror(stdout)))
		return outcome;
	fault_set(why, "standard output: %s", strerror(errno));
	return FAILED;
}

int
main(int argc, char **argv)
{
	struct invocation in;
	struct fault why = { "" };
	enum outcome outcome;

	signal(SIGPIPE, SIG_IGN); /* clients that go away are not our end */
	if (!invocation_read(&in, argc, argv, &why)) {
		outcome = MISUSED;
	} else if (in.help || in.help_conf || in.version) {
		if (in.help)
			print_help();
		else if (in.help_conf)
			conf_print_help(stdout, api_conf_table);
		else
			puts("reliquary-api " VERSION);
		outcome = flush(DONE, &why);
	} else if (sodium_init() == -1) {
		fault_set(&why, "libsodium does not work here");
		outcome = FAILED;
	} else {
		outcome = flush(run(&in, &why), &why);
	}
	if (outcome != DONE)
		fprintf(stderr, "reliquary-api: %s\n", why.text);
	return (int)outcome;
}
