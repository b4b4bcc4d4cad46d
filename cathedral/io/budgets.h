/* SPDX-License-Identifier: ISC */
/*
 * The main thread's work with budgets (state/budget.h): adds up, says in the log what changed, and
 * keeps what was used in a file that outlives process and machine.
 */
#ifndef CATHEDRAL_IO_BUDGETS_H
#define CATHEDRAL_IO_BUDGETS_H

#include "base/clock.h"
#include "base/log.h"
#include "cathedral/relay/site.h"

#include <stdbool.h>
#include <stdint.h>

/* So much counting is lost by a crash. */
#define BUDGETS_SAVE_S 30

struct budgets {
	const char *path; /* borrowed; empty: there is no file */
	struct site *site;
	struct log_limit flocks; /* of lines about them */
	uint64_t heard_ns;       /* of the tick that is under way */
	uint64_t saved_ns;       /* when it was last tried */
	int64_t saved_s;         /* when it was last written; 0: never */
	bool ok;                 /* it could be, when it was last tried */
};

/* site is borrowed; does nothing, as all below, where there are no budgets. */
void budgets_open(struct budgets *b, const char *path, struct site *site);

/* Before anybody serves the site. */
void budgets_read(struct budgets *b, struct instant now);

/* The same, when all is known: whoever has used up his budget gets no free moment. */
void budgets_begin(struct budgets *b, struct instant now);

/* About ten times a second; waits for the disk now and then. */
void budgets_tick(struct budgets *b, struct instant now);

/* At the end. */
void budgets_save(struct budgets *b, struct instant now);

#endif
