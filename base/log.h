/* SPDX-License-Identifier: ISC */
/*
 * One line an event on standard error, with journald's "<n>" level in front when standard error
 * is not a terminal.  Any thread may call it.  Never per packet above debug; addresses of devices
 * only in log_debug(); secrets never.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warning", "info", "debug". */
bool log_level_parse(enum log_level *ret, const char *text);
const char *log_level_name(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_get_level() >= LOG_LEVEL_DEBUG)                                            \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                    \
	} while (0)

/*
 * Lets at most burst lines through and one more per interval; says how many it held back the next
 * time it lets one through.  One static struct per kind of event, used by one thread.
 */
struct log_limit {
	uint64_t interval_ns;
	uint32_t burst;
	uint64_t credit_ns;
	uint64_t seen_ns;
	uint64_t suppressed;
};

bool log_limit_allow(struct log_limit *l, uint64_t now_ns, uint64_t *suppressed);

#endif
