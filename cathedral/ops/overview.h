/* SPDX-License-Identifier: ISC */
/* What reports and metrics are made of: the daemon as an operator may see it. */
#ifndef CATHEDRAL_OPS_OVERVIEW_H
#define CATHEDRAL_OPS_OVERVIEW_H

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fault.h"
#include "cathedral/state/budget.h"
#include "cathedral/state/egress.h"
#include "cathedral/state/identities.h"
#include "cathedral/state/liturgies.h"
#include "cathedral/state/publish.h"
#include "cathedral/state/replay.h"
#include "cathedral/state/stats.h"
#include "cathedral/state/tunnels.h"
#include "cathedral/state/waiters.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OVERVIEW_LISTENERS_MAX 16
#define OVERVIEW_THREAD_NAME   16

struct overview_listener {
	struct endpoint main, advertised;
	uint16_t nat_port; /* 0: none */
	bool shrouded;
};

/* How the last reading of the registry went; the first one at the start counts. */
struct overview_reload {
	bool ok;
	int64_t wall_s;     /* when */
	int64_t changed_s;  /* when one was last put in force */
	uint64_t count;     /* how often, with the first */
	struct fault fault; /* why it was refused, when it was */
};

/* What goes from one process to the next, by a hand-over or by the state file. */
struct overview_succession {
	uint64_t handovers; /* how often the sockets went from process to process, up to this one */
	uint64_t failed;    /* how often somebody began to take over from this one, and did not */
	int64_t taken_s;    /* when this one took over; 0: it did not */
	uint64_t gap_ns;    /* how long nobody served then */

	bool state_file;   /* there is one */
	bool state_ok;     /* it could be written when it was last tried */
	int64_t state_s;   /* when it was last written; 0: never */
	uint64_t state_ns; /* how long that took */

	bool budget_file; /* likewise, of what was used of budgets */
	bool budget_ok;
	int64_t budget_s;
};

/* Everything in it is borrowed and read by the main thread only. */
struct overview {
	const char *instance, *version;
	struct instant started;
	size_t listener_count;
	struct overview_listener listeners[OVERVIEW_LISTENERS_MAX];

	_Atomic bool *draining; /* the site's, for whoever asks for it to be changed; or NULL */
	struct publish *publish;
	struct tunnels *tunnels;
	struct liturgies *liturgies;
	struct identities *identities;
	struct replay *replay;
	struct egress *egress;   /* NULL: no rate is set */
	struct waiters *waiters; /* who waits for it */
	struct budget *budget;   /* NULL: no budget is */
	size_t identities_capacity, replay_capacity;

	/* Counters: the workers', then the scanner's, then the main thread's. */
	const struct stats *stats;
	unsigned workers;

	const struct overview_reload *reload;
	const struct overview_succession *succession; /* or NULL */
};

static inline bool
overview_draining(const struct overview *o)
{
	return o->draining != NULL && atomic_load(o->draining);
}

/* workers, scanner, main */
static inline unsigned
overview_threads(const struct overview *o)
{
	return o->workers + 2;
}

/* The `worker` label of thread n: "0", "1", "scanner", "main".  Returns text. */
const char *overview_thread_name(
    const struct overview *o, unsigned n, char text[static OVERVIEW_THREAD_NAME]);

/* All threads together. */
struct stats_sum overview_sum(const struct overview *o);

#endif
