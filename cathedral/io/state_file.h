/* SPDX-License-Identifier: ISC */
/*
 * What this cathedral knows, in a file, for the one that is started after it crashed or was stopped
 * (relay/bequest.h): its tables, which are good for two minutes, or what was used of the month's
 * budgets.  No keys are in it, but who has which address is.
 */
#ifndef CATHEDRAL_IO_STATE_FILE_H
#define CATHEDRAL_IO_STATE_FILE_H

#include "base/clock.h"
#include "base/fault.h"
#include "cathedral/relay/bequest.h"
#include "cathedral/relay/site.h"

#include <stdbool.h>

struct state_file {
	const char *path;
	enum bequest_scope scope; /* BEQUEST_STATE or BEQUEST_MONTHS */
};

/*
 * Writes it anew, at once or not at all, while the site is served; mode 0600.  Budgets are there
 * after a power cut, too.
 */
bool state_file_write(const struct state_file *file, struct site *site, struct instant now,
    struct bequest_counts *counts, struct fault *why);

/* Why there is nothing that was read. */
enum state_file_result {
	STATE_READ,
	STATE_NONE,  /* there is no file */
	STATE_OLD,   /* everything in it would have expired; never of budgets */
	STATE_WRONG, /* with the reason; what was read before that stays in the tables */
};

/* Reads it into a site that no thread serves yet. */
enum state_file_result state_file_read(const struct state_file *file, struct site *site,
    struct instant now, struct bequest_counts *counts, struct fault *why);

#endif
