/* SPDX-License-Identifier: ISC */
/* Asks a running cathedral. */
#include "base/clock.h"
#include "base/fault.h"
#include "tools/cathedralctl/show.h"
#include "tools/common/values.h"
#include "tools/control/ask.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_TEXT CONTROL_LINE_MAX
#define WAIT_MAX  86400

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_LEFT = 3 };

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
    "  drain              go on, but tell devices of other cathedrals first\n"
    "  undrain            as before\n"
    "  drained            whether it drains, and how many devices are still here\n"
    "\n"
    "  -s, --socket SOCKET  instead of " CONTROL_DEFAULT "\n"
    "  -j, --json           the answer as it came\n"
    "  -w, --wait SECONDS   with drain: until no device is here any more, at most so long;\n"
    "                       exit status 3: some are left\n";

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
	{ "drain", 0, 0, show_drain },
	{ "undrain", 0, 0, show_drain },
	{ "drained", 0, 0, show_drain },
};

struct options {
	const char *socket;
	bool json, wait;
	bool quiet; /* nothing but complaints */
	uint64_t wait_s;
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
	if (o->wait && strcmp(argv[0], "drain") != 0)
		return complain("--wait goes with drain", "");
	/* A line break in an argument would end the line early. */
	if (argc == 2 && strpbrk(argv[1], " \t\r\n") != NULL)
		return complain("a blank in the argument: ", argv[1]);
	if (snprintf(o->line, LINE_TEXT, "%s%s%s", argv[0], argc == 2 ? " " : "",
		argc == 2 ? argv[1] : "") >= LINE_TEXT - 1)
		return complain("the argument is too long", "");
	return 0;
}

static int
read_wait(struct options *o, const char *text)
{
	struct fault why;

	o->wait = true;
	if (value_decimal(&o->wait_s, text, WAIT_MAX, &why))
		return 0;
	fault_prefix(&why, "--wait %s", text);
	return complain(why.text, "");
}

static int
read_options(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "wait", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option, status = 0;

	while (status == 0 && (option = getopt_long(argc, argv, "s:jw:h", names, NULL)) != -1) {
		if (option == 's') {
			o->socket = optarg;
		} else if (option == 'w') {
			status = read_wait(o, optarg);
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
	return status != 0 ? status : read_verb(o, argc - optind, argv + optind);
}

static int
refused(const struct fault *why)
{
	fprintf(stderr, "cathedralctl: %s\n", why->text);
	return EXIT_REFUSED;
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
	} else if (!o->json && !o->quiet) {
		o->verb->show(stdout, doc);
	}
	if (o->json && !o->quiet && doc != NULL)
		fwrite(text, 1, len, stdout);
	json_decref(doc);
	return status;
}

/* Asks and prints, or says why not. */
static int
ask(const struct options *o)
{
	struct fault why;
	size_t len;
	char *text = control_ask(o->socket, o->line, &len, &why);
	int status;

	if (text == NULL)
		return refused(&why);
	status = answered(o, text, len);
	free(text);
	return status;
}

enum presence { SOME_ARE_HERE, NOBODY_IS_HERE, NOT_DRAINING };

/* From an answer to "drained"; what is no such answer is for ask() to complain of. */
static enum presence
read_presence(const char *text, size_t len)
{
	json_t *doc = json_loadb(text, len, 0, NULL);
	json_int_t here = json_integer_value(json_object_get(doc, "tunnels")) +
			  json_integer_value(json_object_get(doc, "liturgies"));
	bool draining = json_is_true(json_object_get(doc, "draining"));

	json_decref(doc);
	return !draining ? NOT_DRAINING : here > 0 ? SOME_ARE_HERE : NOBODY_IS_HERE;
}

/* Having drained: until nobody is here, or time is over, or somebody else has ended it. */
static int
wait_for_leave(struct options *o)
{
	const struct timespec second = { .tv_sec = 1 };
	uint64_t end_ns = clock_now().mono_ns + o->wait_s * NS_PER_S;
	enum presence presence = SOME_ARE_HERE;
	struct fault why;
	int status;

	snprintf(o->line, LINE_TEXT, "drained");
	for (;;) {
		size_t len;
		char *text = control_ask(o->socket, o->line, &len, &why);

		if (text == NULL)
			return refused(&why);
		presence = read_presence(text, len);
		free(text);
		if (presence != SOME_ARE_HERE || clock_now().mono_ns >= end_ns)
			break;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &second, NULL);
	}
	status = ask(o);
	if (status != EXIT_SUCCESS || presence == NOBODY_IS_HERE)
		return status;
	return presence == SOME_ARE_HERE ? EXIT_LEFT : EXIT_REFUSED;
}

/* What was asked for without being shown: a first step. */
static int
ask_quietly(const struct options *o)
{
	struct options quiet = *o;

	quiet.quiet = true;
	return ask(&quiet);
}

int
main(int argc, char **argv)
{
	struct options o = { .socket = CONTROL_DEFAULT };
	int status = read_options(&o, argc, argv);

	if (status != 0)
		return status;
	if (!o.wait)
		status = ask(&o);
	else if ((status = ask_quietly(&o)) == EXIT_SUCCESS)
		status = wait_for_leave(&o);
	if (fflush(stdout) == EOF && status == EXIT_SUCCESS)
		status = EXIT_REFUSED;
	return status;
}
