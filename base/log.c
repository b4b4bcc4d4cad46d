/* SPDX-License-Identifier: ISC */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Far below PIPE_BUF, so that lines of several threads and processes never mix in a pipe. */
#define LINE_MAX_BYTES 1024

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {
	{ LOG_LEVEL_ERROR, "error" },
	{ LOG_LEVEL_WARN, "warning" },
	{ LOG_LEVEL_INFO, "info" },
	{ LOG_LEVEL_DEBUG, "debug" },
};

static _Atomic int threshold = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

bool
log_level_parse(enum log_level *ret, const char *text)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*ret = levels[i].level;
			return true;
		}
	}
	return false;
}

const char *
log_level_name(enum log_level level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (levels[i].level == level)
			return levels[i].name;
	}
	return "unknown";
}

void
log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES + 1]; /* vsnprintf's NUL makes place for the line's end */
	size_t begin = 0, end;
	va_list args;

	if (level > log_get_level())
		return;

	if (!isatty(STDERR_FILENO)) {
		line[begin++] = '<';
		line[begin++] = (char)('0' + level);
		line[begin++] = '>';
	}
	line[begin] = '\0';
	va_start(args, format);
	vsnprintf(line + begin, sizeof(line) - 1 - begin, format, args);
	va_end(args);

	/* One event, one line: text that came from elsewhere cannot forge another. */
	for (end = begin; line[end] != '\0'; end++) {
		if ((unsigned char)line[end] < ' ' || line[end] == 0x7f)
			line[end] = ' ';
	}
	line[end++] = '\n';

	/* There is nobody to tell when this fails. */
	if (write(STDERR_FILENO, line, end) == -1)
		return;
}

bool
log_limit_allow(struct log_limit *l, uint64_t now_ns, uint64_t *suppressed)
{
	uint64_t full = l->interval_ns * l->burst;

	/* seen_ns is 0 before the first call, which therefore begins with full credit. */
	l->credit_ns += now_ns - l->seen_ns;
	if (l->seen_ns == 0 || l->credit_ns > full)
		l->credit_ns = full;
	l->seen_ns = now_ns;

	if (l->credit_ns < l->interval_ns) {
		l->suppressed++;
		return false;
	}
	l->credit_ns -= l->interval_ns;
	*suppressed = l->suppressed;
	l->suppressed = 0;
	return true;
}
