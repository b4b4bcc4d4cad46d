/* SPDX-License-Identifier: ISC */
#include "tools/cathedral-sync/complaint.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of a trouble that changes its face all the time. */
#define LINES_BURST   32
#define LINE_EVERY_NS (30 * NS_PER_S)

struct complaint
complaint_none(void)
{
	return (
	    struct complaint){ .limit = { .interval_ns = LINE_EVERY_NS, .burst = LINES_BURST } };
}

void
complaint_raise(struct complaint *c, enum log_level level, uint64_t now_ns, const char *format, ...)
{
	char text[sizeof(c->said)];
	uint64_t suppressed;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!c->lasts) {
		c->lasts = true;
		c->count = 0;
		c->since_ns = now_ns;
		c->said[0] = '\0';
	}
	c->count++;
	if (strcmp(c->said, text) == 0 || !log_limit_allow(&c->limit, now_ns, &suppressed))
		return;
	memcpy(c->said, text, sizeof(text));
	log_line(level, "%s", text);
}

void
complaint_settle(struct complaint *c, uint64_t now_ns, const char *what)
{
	if (!c->lasts)
		return;
	c->lasts = false;
	if (c->said[0] == '\0') /* there were too many to say this one */
		return;
	log_info("%s again, after %ju failure%s in %ju s", what, (uintmax_t)c->count,
	    c->count == 1 ? "" : "s", (uintmax_t)((now_ns - c->since_ns) / NS_PER_S));
}
