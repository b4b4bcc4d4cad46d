/* SPDX-License-Identifier: ISC */
/* What every measurement needs: the fleet, sockets to a cathedral, and packets for it. */
#ifndef TOOLS_CATHEDRAL_LOAD_FIELD_H
#define TOOLS_CATHEDRAL_LOAD_FIELD_H

#include "tools/cathedral-load/gauge.h"
#include "tools/cathedral-load/load_options.h"
#include "tools/cathedral-load/muster.h"
#include "tools/cathedral-load/show.h"
#include "tools/cathedral-load/traffic.h"

struct field {
	const struct load_options *o;
	struct roster roster;
	struct lanes lanes;
	struct volley *volley;
	struct random *random;
	uint64_t run;
	struct muster *muster;
	struct traffic *traffic; /* NULL before field_load() */
	bool forgets;            /* whoever is at its end: in a long run it is reminded */
	uint64_t met_ns;         /* when its devices were made known last; 0: never */
};

/*
 * Reads the fleet and opens sockets for so many of its tunnels, to the cathedrals of the two ends.
 * On failure nothing stays open.
 */
struct field_wish {
	struct endpoint first, second;
	uint64_t tunnels, others;
};

bool field_open(struct field *f, const struct load_options *o, const struct field_wish *wish,
    struct random *random, struct fault *why);
void field_close(struct field *f);

/* Makes the tunnels known to the cathedral, and those that are only to be known. */
bool field_meet(struct field *f, struct fault *why);

/* Prepares the packets. */
bool field_load(struct field *f, struct fault *why);

/* One measurement, as the options say; figures are added to the object given. */
struct field_run {
	double rate;
	uint64_t run_ns;
	const struct traffic_aside *aside;
	struct gauge *gauge;
};

bool field_measure(struct field *f, const struct field_run *run, json_t *figures,
    struct traffic_result *ret, struct fault *why);

#endif
