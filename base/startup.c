/* SPDX-License-Identifier: ISC */
#include "base/startup.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_usage(FILE *to, const struct startup_program *p)
{
	int indent = (int)strlen("usage: ");

	fprintf(to,
	    "usage: %s [-n%s] [-c FILE]\n"
	    "%*s%s --help | --help-conf | --version\n"
	    "\n"
	    "  -c, --config FILE  read this instead of %s\n"
	    "  -n, --check        say whether it and the files it names are right\n",
	    p->name, p->replaces ? " | -r | -b" : "", indent, "", p->name, p->conf);
	if (p->replaces)
		fputs("  -r, --replace      take over from the one that runs, without losing a "
		      "packet\n"
		      "  -b, --background   return once it serves\n",
		    to);
	fputs("      --help-conf    list the keywords of the configuration file\n"
	      "      --version      print the version\n",
	    to);
}

static void
answer(struct startup *s, const struct startup_program *p, int option)
{
	s->done = true;
	s->status = EXIT_SUCCESS;
	if (option == 'h') {
		print_usage(stdout, p);
	} else if (option == 'H') {
		conf_print_help(stdout, p->table);
	} else if (option == 'V') {
		printf("%s %s\n", p->name, p->version);
	} else {
		print_usage(stderr, p);
		s->status = 2;
	}
}

struct startup
startup_read(int argc, char **argv, const struct startup_program *p)
{
	static const struct option names[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' },
		{ "replace", no_argument, NULL, 'r' },
		{ "background", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "help-conf", no_argument, NULL, 'H' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct startup s = { .conf = p->conf };
	int option;

	while (!s.done && (option = getopt_long(
			       argc, argv, p->replaces ? "c:nrbh" : "c:nh", names, NULL)) != -1) {
		if (option == 'c')
			s.conf = optarg;
		else if (option == 'n')
			s.check = true;
		else if (option == 'r' && p->replaces)
			s.replace = true;
		else if (option == 'b' && p->replaces)
			s.background = true;
		else
			answer(&s, p, option);
	}
	if (!s.done && optind < argc)
		answer(&s, p, '?');
	return s;
}
