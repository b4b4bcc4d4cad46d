/* SPDX-License-Identifier: ISC */
/* How it goes, for monitoring: registry.db.status (docs/man/cathedral-sync.8), and systemd. */
#ifndef CATHEDRAL_SYNC_STATUS_H
#define CATHEDRAL_SYNC_STATUS_H

#include "base/clock.h"
#include "registry/registry_db.h"
#include "tools/cathedral-sync/trail.h"

#include <sys/types.h>

#define STATUS_STATE 16

struct status {
	const char *path; /* borrowed */
	mode_t mode;
	struct instant started;
	struct instant success; /* the last page that was put, or answer that there is none */
	int64_t error_s;        /* 0: there was none */
	char error[320];
	uint64_t refused;
	bool cathedral_answers;
	int64_t beat_s;           /* 0: the service heard of none */
	char state[STATUS_STATE]; /* that it says this cathedral is in */
	bool dirty;
	uint64_t written_ns;
};

void status_error(struct status *s, int64_t now_s, const char *text);

/* "up to change 1729, 10 s ago" */
#define STATUS_LINE 128
const char *status_line(
    const struct status *s, const struct trail *t, uint64_t now_ns, char text[static STATUS_LINE]);

/* When it is to be written next: soon after something changed, else from time to time. */
uint64_t status_due_ns(const struct status *s);

/* False with the reason; it is due later in either case. */
bool status_write(struct status *s, const struct trail *t, const struct registry_db_state *held,
    struct instant now, struct fault *why);

#endif
