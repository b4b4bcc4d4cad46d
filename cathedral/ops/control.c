/* SPDX-License-Identifier: ISC */
#include "cathedral/ops/control.h"

#include "base/hex.h"
#include "base/log.h"
#include "cathedral/ops/control_socket.h"
#include "cathedral/ops/report.h"
#include "cathedral/ops/service.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 256

#define NOT_A_FLOCK "not a flock: up to 16 hex digits"

struct control {
	struct control_options options;
	struct service *service;
	bool own; /* to be removed at the end */
};

static json_t *
refusal(const char *text)
{
	return json_pack("{s:o}", "error", report_text(text));
}

static json_t *
run_status(const struct control *c, const char *word)
{
	(void)word;
	return report_status(c->options.overview, clock_now());
}

static json_t *
run_federation(const struct control *c, const char *word)
{
	(void)word;
	return report_federation(c->options.overview, clock_now());
}

static json_t *
run_counters(const struct control *c, const char *word)
{
	(void)word;
	return report_counters(c->options.overview);
}

typedef json_t *list_fn(const struct overview *o, const struct flock_id *flock, struct instant now);

static json_t *
run_list(const struct control *c, const char *word, list_fn *list)
{
	struct flock_id flock;

	if (word == NULL)
		return list(c->options.overview, NULL, clock_now());
	if (!hex_u64(&flock.value, word, UINT64_MAX))
		return refusal(NOT_A_FLOCK);
	return list(c->options.overview, &flock, clock_now());
}

static json_t *
run_tunnels(const struct control *c, const char *word)
{
	return run_list(c, word, report_tunnels);
}

static json_t *
run_liturgies(const struct control *c, const char *word)
{
	return run_list(c, word, report_liturgies);
}

static json_t *
run_flocks(const struct control *c, const char *word)
{
	return run_list(c, word, report_flocks);
}

static json_t *
run_flock(const struct control *c, const char *word)
{
	struct flock_id flock;

	if (!hex_u64(&flock.value, word, UINT64_MAX))
		return refusal(NOT_A_FLOCK);
	return report_flock(c->options.overview, flock);
}

static json_t *
run_reload(const struct control *c, const char *word)
{
	struct fault why;

	(void)word;
	if (!c->options.reload(c->options.reload_arg, &why))
		return refusal(why.text);
	return json_pack("{s:b}", "reloaded", true);
}

static json_t *
run_loglevel(const struct control *c, const char *word)
{
	enum log_level level;

	(void)c;
	if (!log_level_parse(&level, word))
		return refusal("not a log level: error, warning, info or debug");
	log_set_level(level);
	log_info("log level is %s now", log_level_name(level));
	return json_pack("{s:s}", "log_level", log_level_name(level));
}

static json_t *
set_draining(const struct control *c, bool on)
{
	const struct overview *o = c->options.overview;

	if (atomic_exchange(o->draining, on) != on)
		log_info(on ? "draining: devices are told of other cathedrals first"
			    : "draining no more");
	return report_drain(o, clock_now());
}

static json_t *
run_drain(const struct control *c, const char *word)
{
	(void)word;
	return set_draining(c, true);
}

static json_t *
run_undrain(const struct control *c, const char *word)
{
	(void)word;
	return set_draining(c, false);
}

static json_t *
run_drained(const struct control *c, const char *word)
{
	(void)word;
	return report_drain(c->options.overview, clock_now());
}

static const struct verb {
	const char *name;
	int min, max; /* words behind it */
	json_t *(*run)(const struct control *c, const char *word);
} verbs[] = {
	{ "status", 0, 0, run_status },
	{ "federation", 0, 0, run_federation },
	{ "counters", 0, 0, run_counters },
	{ "tunnels", 0, 1, run_tunnels },
	{ "liturgies", 0, 1, run_liturgies },
	{ "flocks", 0, 1, run_flocks },
	{ "flock", 1, 1, run_flock },
	{ "reload", 0, 0, run_reload },
	{ "loglevel", 1, 1, run_loglevel },
	{ "drain", 0, 0, run_drain },
	{ "undrain", 0, 0, run_undrain },
	{ "drained", 0, 0, run_drained },
};

/* line is cut up in place. */
static json_t *
run_line(const struct control *c, char *line)
{
	char *rest = line;
	const char *name = strtok_r(rest, " \t\r", &rest);
	const char *word = strtok_r(rest, " \t\r", &rest);
	int words = word == NULL ? 0 : strtok_r(rest, " \t\r", &rest) == NULL ? 1 : 2;

	if (name == NULL)
		return refusal("no verb");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) != 0)
			continue;
		if (words < verbs[i].min)
			return refusal("the verb needs an argument");
		if (words > verbs[i].max)
			return refusal("too many arguments");
		return verbs[i].run(c, word);
	}
	return refusal("unknown verb");
}

static int
append(const char *text, size_t len, void *to)
{
	return evbuffer_add(to, text, len);
}

static void
answer(const char *request, struct evbuffer *to, void *arg)
{
	char line[REQUEST_MAX];
	json_t *doc;

	/* The service cuts off requests that do not fit. */
	strncpy(line, request, sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	doc = run_line(arg, line);
	if (doc == NULL)
		doc = refusal("out of memory");
	json_dump_callback(doc, append, to, JSON_COMPACT);
	evbuffer_add(to, "\n", 1);
	json_decref(doc);
}

struct control *
control_create(struct event_base *base, const struct control_options *options, struct fault *why)
{
	struct control *c = calloc(1, sizeof(*c));
	const struct service_options service = {
		.end = "\n", .request_max = REQUEST_MAX, .answer = answer, .arg = c
	};
	const struct control_socket at = {
		.name = "control",
		.type = SOCK_STREAM,
		.path = options->path,
		.user = options->user,
		.owner = options->owner,
		.inherited = options->inherited,
	};
	int fd;

	if (c == NULL) {
		fault_set(why, "control: out of memory");
		return NULL;
	}
	c->options = *options;
	fd = control_socket_open(&at, why);
	c->own = fd != options->inherited;
	if (fd == -1) {
		free(c);
		return NULL;
	}
	c->service = service_create(base, fd, &service);
	if (c->service != NULL)
		return c;
	fault_set(why, "control: out of memory");
	control_destroy(c);
	return NULL;
}

int
control_fd(const struct control *c)
{
	return service_fd(c->service);
}

void
control_own(struct control *c, bool own)
{
	c->own = own;
}

void
control_destroy(struct control *c)
{
	if (c == NULL)
		return;
	service_destroy(c->service);
	/* Its folder may not be ours any more; then the next daemon replaces it. */
	if (c->own)
		unlink(c->options.path);
	free(c);
}
