/* SPDX-License-Identifier: ISC */
/*
 * What may be sent in a calendar month (UTC): by the host altogether, and for each flock.  From
 * 80 % on it is said, from 95 % on relayed data is slowed down so that what is left lasts until the
 * month ends, and at 100 % data stops.
 *
 * Threads count what they send in meters of their own (state/meter.h); all else is the main
 * thread's: it adds them up, and sets their pace.  No clock is asked, no file is opened.
 *
 * The clock says which month it is.  Those last counted are remembered, so that a clock that is set
 * back, or was wrong, neither begins a month anew nor counts anything twice; a month before all of
 * them is not believed, and what is sent then counts for the one before the step.
 */
#ifndef CATHEDRAL_STATE_BUDGET_H
#define CATHEDRAL_STATE_BUDGET_H

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "cathedral/state/meter.h"
#include "cathedral/state/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_MONTHS                                                                              \
	3 /* remembered: this one, the one before, and one that a wrong clock made                 \
	   */

/* In percent of the limit. */
#define BUDGET_WARN 80
#define BUDGET_SLOW 95

/* What a flock may send at least while it is slowed, bytes per second: 256 kbit/s. */
#define BUDGET_FLOOR UINT64_C(32000)

/* So many flocks, or a few more, are looked at in a tick; of more it takes more ticks. */
#define BUDGET_FLOCKS_A_TICK 1024

/* More than any host sends in a month: sums of them do not overflow. */
#define BUDGET_USED_MAX (UINT64_C(1) << 60)

enum budget_stage { BUDGET_FREE, BUDGET_WARNED, BUDGET_SLOWED, BUDGET_STOPPED, BUDGET_STAGES };

/* "free", "warned", "slowed", "stopped". */
const char *budget_stage_name(enum budget_stage stage);

struct budget_options {
	uint64_t host, flock; /* bytes a month; 0: no limit, and yet counted */
	unsigned threads;     /* that send, each with a slot of its own, from 0 on */
	size_t flocks_max;    /* that are counted each for itself */
};

struct budget;

struct budget *budget_create(const struct budget_options *options, struct random *r); /* or NULL */
void budget_destroy(struct budget *b); /* no thread may send any more; NULL is fine */

/* Where this thread counts all that it sends; stays until the end. */
struct meter *budget_host_meter(struct budget *b, unsigned slot);

/*
 * Where threads count what they relay for a flock (any domain): one for each slot.  They stay until
 * the end, and the next call gives the same.  Flocks for which there is no room, or no memory,
 * share one without a limit of its own.
 */
struct meter *budget_flock_meters(struct budget *b, struct flock_id flock);

/* ---- time passes ---- */

/* What was not so before. */
struct budget_news {
	struct flock_id flock;      /* 0: the host */
	enum budget_stage was, is;  /* a flock's news is never that it is better off */
	uint32_t month;             /* base/month.h */
	bool month_began;           /* another month than before; only the host's news */
	uint64_t used, limit, pace; /* pace: bytes per second of data; see BUDGET_SLOWED */
};

typedef void budget_hear(const struct budget_news *news, void *arg);

/* About ten times a second: adds up, and says how fast everybody may go on. */
void budget_tick(struct budget *b, struct instant now, budget_hear *hear, void *arg);

/* ---- looking ---- */

struct budget_report {
	uint32_t month;
	uint64_t used, limit; /* the host's, bytes; limit 0: there is none */
	enum budget_stage stage;
	uint64_t pace;                /* of data, bytes per second, when it is slowed; else 0 */
	uint64_t flock_limit;         /* 0: there is none */
	size_t flocks;                /* that are known */
	size_t stages[BUDGET_STAGES]; /* of these, by their own budgets */
};

void budget_report(struct budget *b, struct budget_report *ret);

/* One flock (any domain): used, limit and stage alone; false when it is not known. */
bool budget_report_flock(struct budget *b, struct flock_id flock, struct budget_report *ret);

/* ---- for who comes after ---- */

struct budget_record {
	uint32_t month;
	struct flock_id flock; /* base; 0: the host */
	uint64_t used;
};

/*
 * As table_mark() and table_each(): sees a record for each month of whoever changed since then,
 * first of all the host's.  What threads counted since the last tick is in them.
 */
typedef void budget_see(const struct budget_record *r, void *arg);
uint32_t budget_mark(struct budget *b);
bool budget_changed(struct budget *b, uint32_t since, budget_see *see, table_rest *rest, void *arg);

/* Of two figures for the same the larger counts.  False: there was no use or no room for it. */
bool budget_restore(struct budget *b, const struct budget_record *r);

#endif
