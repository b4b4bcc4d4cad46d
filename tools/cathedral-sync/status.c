/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/status.h"

#include "base/file.h"
#include "tools/cathedral-sync/memory.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOON_NS       (1 * NS_PER_S)
#define AT_LEAST_NS   (30 * NS_PER_S)
#define STATUS_MEMORY ((size_t)1 << 20)
#define STATUS_MAX    2048

void
status_error(struct status *s, int64_t now_s, const char *text)
{
	s->error_s = now_s;
	snprintf(s->error, sizeof(s->error), "%s", text);
	s->dirty = true;
}

const char *
status_line(
    const struct status *s, const struct trail *t, uint64_t now_ns, char text[static STATUS_LINE])
{
	static const char *const how[] = {
		[TRAIL_BEGINS] = "nothing was heard of the service yet",
		[TRAIL_GOES_ON] = "",
		[TRAIL_FAILS] = "the service fails",
		[TRAIL_DENIED] = "the service denies access",
	};
	int len = 0;

	if (t->state != TRAIL_GOES_ON)
		len = snprintf(text, STATUS_LINE, "%s; ", how[t->state]);
	len += snprintf(
	    text + len, STATUS_LINE - (size_t)len, "up to change %ju", (uintmax_t)t->until);
	if (s->success.mono_ns != 0)
		snprintf(text + len, STATUS_LINE - (size_t)len, ", %ju s ago",
		    (uintmax_t)((now_ns - s->success.mono_ns) / NS_PER_S));
	return text;
}

uint64_t
status_due_ns(const struct status *s)
{
	return s->written_ns + (s->dirty ? SOON_NS : AT_LEAST_NS);
}

static json_t *
count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
moment(int64_t at_s)
{
	return at_s == 0 ? json_null() : json_integer(at_s);
}

/* What came from elsewhere may be no UTF-8. */
static json_t *
text_json(const char *text)
{
	char copy[320];
	size_t i;

	for (i = 0; text[i] != '\0' && i < sizeof(copy) - 1; i++)
		copy[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	copy[i] = '\0';
	return json_string(copy);
}

static json_t *
registry(const struct registry_db_state *held)
{
	return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "database", held->database,
	    "until", count(held->until), "sweeping", held->sweeping, "version",
	    count(held->version), "flocks", count(held->flocks), "devices", count(held->devices),
	    "xflocks", count(held->xflocks), "cathedrals", count(held->cathedrals));
}

static json_t *
service(const struct status *s, const struct trail *t)
{
	static const char *const names[] = {
		[TRAIL_BEGINS] = "starting",
		[TRAIL_GOES_ON] = "following",
		[TRAIL_FAILS] = "failing",
		[TRAIL_DENIED] = "denied",
	};

	return json_pack("{s:s, s:o, s:i, s:o, s:o}", "state", names[t->state], "success",
	    moment(s->success.wall_s), "failures", (int)t->failures, "refused", count(s->refused),
	    "error",
	    s->error_s == 0
		? json_null()
		: json_pack("{s:o, s:o}", "at", moment(s->error_s), "text", text_json(s->error)));
}

bool
status_write(struct status *s, const struct trail *t, const struct registry_db_state *held,
    struct instant now, struct fault *why)
{
	char text[STATUS_MAX + 1];
	json_t *document;
	size_t len;

	s->dirty = false;
	s->written_ns = now.mono_ns;
	memory_json_begin(STATUS_MEMORY);
	document = json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:{s:b}, s:{s:o, s:o}}", "version",
	    VERSION, "pid", (int)getpid(), "started", moment(s->started.wall_s), "written",
	    moment(now.wall_s), "service", service(s, t), "registry", registry(held), "cathedral",
	    "answers", s->cathedral_answers, "heartbeat", "at", moment(s->beat_s), "state",
	    s->state[0] == '\0' ? json_null() : text_json(s->state));
	len = json_dumpb(document, text, STATUS_MAX, JSON_COMPACT);
	json_decref(document);
	if (len == 0 || len > STATUS_MAX)
		return fault_set(why, "%s: out of memory", s->path);
	text[len] = '\n';
	return file_replace(s->path, s->mode, text, len + 1, why);
}
