/* SPDX-License-Identifier: ISC */
/* Asks a running cathedral. */
#include "base/fault.h"
#include "tools/cathedralctl/show.h"
#include "tools/control/ask.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_TEXT CONTROL_LINE_MAX

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static const char usage[] =
    "usage: cathedralctl [-s SOCKET] [--json] VERB [ARGUMENT]\n"
    "\n"
    "  status             what runs, and whether the files were in order when last read\n"
    "  tunnels [FLOCK]    ends of tunnels, and where their devices are\n"
    "  liturgies [FLOCK]  presence entries\n"
    "  federation         the other cathedrals\n"
    "  counters           what became of all packets\n"
    "  flocks [AFTER]     whom it serves: a page of 1000, after that flock\n"
    "  flock FLOCK        its devices, ambries and xflocks, with fingerprints of keys\n"
    "  reload             reads the files at once\n"
    "  loglevel LEVEL     error, warning, info or debug, until it is restarted\n"
    "\n"
    "  -s, --socket SOCKET  instead of " CONTROL_DEFAULT "\n"
    "  -j, --json           the answer as it came\n";

static const struct verb {
	const char *name;
	int min, max; /* arguments */
	void (*show)(FILE *to, json_t *doc);
} verbs[] = {
	{ "status", 0, 0, show_status },
	{ "tunnels", 0, 1, show_tunnels },
	{ "liturgies", 0, 1, show_liturgies },
	{ "federation", 0, 0, show_federation },
	{ "counters", 0, 0, show_counters },
	{ "flocks", 0, 1, show_flocks },
	{ "flock", 1, 1, show_flock },
	{ "reload", 0, 0, show_reload },
	{ "loglevel", 1, 1, show_loglevel },
};

struct options {
	const char *socket;
	bool json;
	const struct verb *verb;
	char line[LINE_TEXT];
};

static int
complain(const char *what, const char *about)
{
	fprintf(stderr, "cathedralctl: %s%s\n", what, about);
	return EXIT_USAGE;
}

/* Returns 0, or what to exit with. */
static int
read_verb(struct options *o, int argc, char **argv)
{
	if (argc == 0)
		return complain("a verb is missing, see --help", "");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, argv[0]) == 0)
			o->verb = &verbs[i];
	}
	if (o->verb == NULL)
		return complain("unknown verb, see --help: ", argv[0]);
	if (argc - 1 < o->verb->min)
		return complain(argv[0], " needs an argument, see --help");
	if (argc - 1 > o->verb->max)
		return complain(argv[0], " has too many arguments, see --help");
	/* A line break in an argument would end the line early. */
	if (argc == 2 && strpbrk(argv[1], " \t\r\n") != NULL)
		return complain("a blank in the argument: ", argv[1]);
	if (snprintf(o->line, LINE_TEXT, "%s%s%s", argv[0], argc == 2 ? " " : "",
		argc == 2 ? argv[1] : "") >= LINE_TEXT - 1)
		return complain("the argument is too long", "");
	return 0;
}

static int
read_options(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "s:jh", names, NULL)) != -1) {
		if (option == 's') {
			o->socket = optarg;
		} else if (option == 'j') {
			o->json = true;
		} else if (option == 'h') {
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		} else if (option == 'V') {
			puts("cathedralctl " VERSION);
			exit(EXIT_SUCCESS);
		} else {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	return read_verb(o, argc - optind, argv + optind);
}

/* Prints it; returns what to exit with. */
static int
answered(const struct options *o, const char *text, size_t len)
{
	json_t *doc = json_loadb(text, len, 0, NULL);
	const char *error = json_string_value(json_object_get(doc, "error"));
	int status = EXIT_SUCCESS;

	if (!json_is_object(doc)) {
		fputs("cathedralctl: the answer is not JSON: is this a cathedral's socket?\n",
		    stderr);
		status = EXIT_REFUSED;
	} else if (error != NULL) {
		fprintf(stderr, "cathedralctl: %s: %s\n", o->verb->name, error);
		status = EXIT_REFUSED;
	} else if (!o->json) {
		o->verb->show(stdout, doc);
	}
	if (o->json && doc != NULL)
		fwrite(text, 1, len, stdout);
	json_decref(doc);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o = { .socket = CONTROL_DEFAULT };
	struct fault why;
	int status = read_options(&o, argc, argv);
	size_t len;
	char *text;

	if (status != 0)
		return status;
	text = control_ask(o.socket, o.line, &len, &why);
	if (text == NULL) {
		fprintf(stderr, "cathedralctl: %s\n", why.text);
		return EXIT_REFUSED;
	}
	status = answered(&o, text, len);
	free(text);
	if (fflush(stdout) == EOF && status == EXIT_SUCCESS)
		status = EXIT_REFUSED;
	return status;
}
