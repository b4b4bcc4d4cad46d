/* SPDX-License-Identifier: ISC */
/* What budget.c, which counts, and budget_pace.c, which decides, share. */
#ifndef CATHEDRAL_STATE_BUDGET_INSIDE_H
#define CATHEDRAL_STATE_BUDGET_INSIDE_H

#include "cathedral/state/budget.h"

#define BUDGET_SHARDS 16

/* Of one thread's meter. */
struct counted {
	uint64_t bytes;   /* that were added up already */
	uint64_t last_ns; /* when there last were any; 0: never */
};

/* Of the host or of a flock.  All but the inside of the meters is the main thread's. */
struct account {
	struct flock_id flock; /* base; 0: the host, or flocks without an account of their own */
	uint64_t used[BUDGET_MONTHS];
	struct meter *meters;    /* of the threads */
	struct counted *counted; /* as many, in the same piece of memory */
	enum budget_stage stage;
	bool active; /* it has sent lately */
};

struct budget {
	struct budget_options options;
	struct account host, others;
	struct table *flocks; /* of struct account */

	uint32_t months[BUDGET_MONTHS]; /* used[] goes by the same places */
	unsigned month_count;
	unsigned at; /* the place of the month that is counted for */
	bool begun;  /* the clock was heard at least once */

	uint64_t now_ns;
	uint64_t left_s; /* of this month; at least 1 */
	size_t active;   /* flocks that send */
	size_t stages[BUDGET_STAGES];
	uint64_t host_pace; /* of all data, by the host's budget */
	uint64_t pace;      /* of each flock's, by the same */
};

static inline uint64_t
account_used(const struct budget *b, const struct account *a)
{
	return a->used[b->at];
}

/* ---- budget.c ---- */

/* Adds what its threads have sent since the last time; whether they had sent anything. */
bool account_collect(struct budget *b, struct account *a);

/* The same for all of them. */
void budget_collect(struct budget *b);

/* ---- budget_month.c ---- */

/* The place for a month, which is made if need be; BUDGET_MONTHS: it is earlier than all. */
unsigned budget_place(struct budget *b, uint32_t month);

/* Counts for the month that the clock says from now on; whether that is another one than before. */
bool budget_turn(struct budget *b, int64_t wall_s);

#endif
