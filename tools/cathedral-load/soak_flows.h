/* SPDX-License-Identifier: ISC */
/*
 * All that a soak sends, in one thread of its own: pairs of devices at either cathedral, clear and
 * shrouded, and across both; devices that come and go; strangers; and the bad line between the two
 * cathedrals.
 */
#ifndef TOOLS_CATHEDRAL_LOAD_SOAK_FLOWS_H
#define TOOLS_CATHEDRAL_LOAD_SOAK_FLOWS_H

#include "tools/cathedral-load/comers.h"
#include "tools/cathedral-load/crossing.h"
#include "tools/cathedral-load/soak_site.h"
#include "tools/common/histogram.h"

#define SOAK_FLOWS       6
#define SOAK_FLOW_FLOCKS 4 /* of each flow: so that its packets come from several sockets */
#define SOAK_COMERS      20
#define SOAK_FLOCKS      100
#define SOAK_DEVICES     20

struct soak_flows;

struct soak_flows_wish {
	const struct soak_site *site;
	const struct roster *roster;
	struct crossing *crossing;
	double rate;      /* of all pairs together, packets a second */
	double strangers; /* packets a second to each listener of near */
	uint64_t patience_ns;
};

/* Until the two cathedrals know all tunnels; false with the reason. */
struct soak_flows *soak_flows_create(
    const struct soak_flows_wish *wish, struct random *random, struct fault *why);
void soak_flows_destroy(struct soak_flows *f); /* NULL is fine */

/* From now on everything is sent, until _stop(), which waits for what is under way. */
bool soak_flows_start(struct soak_flows *f, struct fault *why);
void soak_flows_stop(struct soak_flows *f);

/* Since the start: of pairs whose ends are at one cathedral, and of those across both. */
struct soak_group {
	uint64_t sent, received, missing, duplicates, reordered, strays, refused;
	struct histogram latency;
};

struct soak_counts {
	struct soak_group local, across;
	struct comers_counts comers;
	uint64_t strangers, told;               /* packets; offers that kept tunnels known */
	uint64_t passed, dropped, line_refused; /* on the bad line */
};

/* At any time. */
void soak_flows_count(struct soak_flows *f, struct soak_counts *ret);

#endif
