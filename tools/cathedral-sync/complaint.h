/* SPDX-License-Identifier: ISC */
/* A trouble that lasts is said once, again when it becomes another, and once when it is over. */
#ifndef CATHEDRAL_SYNC_COMPLAINT_H
#define CATHEDRAL_SYNC_COMPLAINT_H

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

struct complaint {
	bool lasts;
	char said[320];
	uint64_t count, since_ns;
	struct log_limit limit;
};

struct complaint complaint_none(void);
void complaint_raise(struct complaint *c, enum log_level level, uint64_t now_ns, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* what: how it is now, "the service answers". */
void complaint_settle(struct complaint *c, uint64_t now_ns, const char *what);

#endif
